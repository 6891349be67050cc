package agentapi

import (
	"context"
	"errors"

	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// credentials opens the server of an attempt for the agent that holds it, and for
// nobody else: run, attempt and fence are compared with the queue, the agent is that
// of the certificate. What it answers is in clear only here and on the wire.
func (s *session) credentials(ctx context.Context, in *agentv1.CredentialsRequest) (*agentv1.CredentialsResponse, error) {
	if _, err := s.begun(); err != nil {
		return nil, err
	}
	ref, err := toRef(in.GetRef())
	if err != nil {
		return nil, err
	}
	project, name, err := s.door.config.Runs.HeldServer(ctx, s.agent, ref)
	if errors.Is(err, run.ErrNotHeld) {
		return nil, errors.Join(s.suspect(ctx, ref), err)
	}
	if err != nil {
		return nil, err
	}
	out := &agentv1.CredentialsResponse{}
	if name == "" || s.door.config.Servers == nil {
		return out, nil
	}
	opened, err := s.door.config.Servers.Credentials(ctx, project, name)
	if err != nil {
		return nil, err
	}
	for _, o := range opened {
		out.Credentials = append(out.Credentials, &agentv1.Credential{
			ServerId: o.ServerID.String(), Password: o.Password.Reveal(), PrivateKeyPem: []byte(o.PrivateKey.Reveal()), Passphrase: o.Passphrase.Reveal(),
		})
	}
	s.log.InfoContext(ctx, "agent opens a server", "run", ref.RunID, "attempt", ref.Attempt, "server", name)
	return out, nil
}

// suspect counts a claim about an attempt that was never this agent's. One that has
// just ended is an honest mistake.
func (s *session) suspect(ctx context.Context, ref run.Ref) error {
	owned, err := s.door.config.Runs.OwnedBy(ctx, s.agent, []run.Ref{ref})
	if err == nil && !owned[0] {
		s.strike(ctx, "credentials", 1)
	}
	return err
}
