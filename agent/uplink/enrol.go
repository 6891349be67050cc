package uplink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/proto/wire/jointoken"
	"github.com/cronium/cronium/sdk/problem"
)

const callTimeout = 15 * time.Second

// EnrolConfig says how a host becomes an agent.
type EnrolConfig struct {
	Dir    string
	Hub    string // address
	Token  string
	Name   string // wished for; the token's or the host's name if empty
	Labels map[string]string
}

// Enrol makes the identity in the directory. Nothing is written unless the hub has
// said yes, and no secret is sent unless the hub is the one the token names.
func Enrol(ctx context.Context, c EnrolConfig) (*Identity, error) {
	if _, err := os.Stat(filepath.Join(c.Dir, identityFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, ErrEnrolled.With("%s holds an identity", c.Dir)
	}
	token, err := jointoken.Parse(c.Token)
	if err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(c.Hub); err != nil {
		return nil, ErrAddress.With("%q: %v", c.Hub, err)
	}
	key, err := wire.NewKey()
	if err != nil {
		return nil, err
	}
	csr, err := wire.CSR(key)
	if err != nil {
		return nil, err
	}
	facts := Facts(ctx)
	answer, err := askToEnrol(ctx, c, token, &agentv1.EnrolRequest{TokenId: token.ID, TokenSecret: token.SecretText(),
		CsrDer: csr, Name: c.Name, Labels: AllLabels(facts, c.Labels), Facts: facts})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	id := &Identity{AgentID: answer.GetAgentId(), Name: answer.GetName(), Instance: answer.GetInstanceId(), Hub: c.Hub, Labels: c.Labels,
		Keys: answer.GetSigningKeys(), dir: c.Dir}
	if err := id.save(key, answer.GetCertificate()); err != nil {
		return nil, fmt.Errorf("write the identity: %w", err)
	}
	return id, nil
}

func askToEnrol(ctx context.Context, c EnrolConfig, token jointoken.Token, in *agentv1.EnrolRequest) (*agentv1.EnrolResponse, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	session, err := wire.Dial(ctx, wire.DialConfig{Addr: c.Hub, ALPN: wire.ALPNEnrol, TLS: wire.EnrolTLS(token.Pin)})
	if err != nil {
		return nil, unreachable(err)
	}
	defer session.Close(nil)
	answer, err := agentv1.NewEnrolmentServiceClient(session.Client()).Enrol(ctx, in)
	if err != nil {
		return nil, explain(err)
	}
	return answer, nil
}

// unreachable makes a problem of an error of the network.
func unreachable(err error) error {
	if _, ok := problem.As(err); ok {
		return err
	}
	return ErrUnreachable.With("%v", err)
}

// explain finds what the hub said in the error of a call.
func explain(err error) error {
	if p := wire.Problem(err); p != nil {
		return p
	}
	return ErrUnreachable.With("%v", err)
}
