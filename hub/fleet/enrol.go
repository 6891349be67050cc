package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/fleet/internal/db"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/proto/wire"
)

// Enrolment is what a newcomer says.
type Enrolment struct {
	TokenID     string
	TokenSecret string
	CSR         []byte
	Name        string
	Labels      map[string]string
	Facts       Facts
}

// Enrolled is what it gets.
type Enrolled struct {
	AgentID     uuid.UUID
	Name        string
	Instance    uuid.UUID
	Certificate Certificate
	SigningKeys [][]byte
}

// Certificate is a client certificate and what to trust from now on.
type Certificate struct {
	ChainPEM   []byte
	CAPEM      []byte
	NotAfter   time.Time
	Generation int64
}

const maxCSR = 8 << 10

// Enrol makes an agent of a newcomer that has a join token.
func (f *Fleet) Enrol(ctx context.Context, e Enrolment) (Enrolled, error) {
	public, err := publicKey(e.CSR)
	if err != nil {
		return Enrolled{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Enrolled{}, fmt.Errorf("draw agent id: %w", err)
	}
	var out Enrolled
	err = f.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		token, err := useToken(ctx, q, e.TokenID, e.TokenSecret)
		if err != nil {
			return err
		}
		name, err := f.addAgent(ctx, q, id, token, e)
		if err != nil {
			return err
		}
		cert, err := f.certify(ctx, q, id, public, 1)
		if err != nil {
			return err
		}
		out = Enrolled{AgentID: id, Name: name, Instance: f.config.Instance, Certificate: cert, SigningKeys: f.signingKeys()}
		return nil
	})
	if postgres.Constraint(err) == "agents_name_uq" {
		return f.Enrol(ctx, e) // somebody took the name in between; the token's use was rolled back
	}
	if err != nil {
		return Enrolled{}, fmt.Errorf("enrol agent: %w", err)
	}
	f.log.InfoContext(ctx, "agent enrolled", "agent", id, "name", out.Name)
	f.config.Changed()
	return out, nil
}

func (f *Fleet) addAgent(ctx context.Context, q *db.Queries, id uuid.UUID, token db.UseJoinTokenRow, e Enrolment) (string, error) {
	var fixed map[string]string
	if err := json.Unmarshal(token.Labels, &fixed); err != nil {
		return "", fmt.Errorf("read the token's labels: %w", err)
	}
	facts := e.Facts.clean()
	wish := firstName(token.Name, e.Name, facts.Hostname)
	taken, err := q.NamesLike(ctx, token.ProjectID, wish)
	if err != nil {
		return "", fmt.Errorf("look for a free name: %w", err)
	}
	name := freeName(wish, taken)
	factsJSON, err := json.Marshal(facts)
	if err != nil {
		return "", fmt.Errorf("encode facts: %w", err)
	}
	labels, err := json.Marshal(effective(e.Labels, fixed, name, facts))
	if err != nil {
		return "", fmt.Errorf("encode labels: %w", err)
	}
	err = q.AddAgent(ctx, db.AddAgentParams{
		ID: id, ProjectID: token.ProjectID, Name: name, Labels: labels, TokenLabels: token.Labels, Facts: factsJSON,
	})
	if err != nil {
		return "", fmt.Errorf("add agent: %w", err)
	}
	return name, nil
}

func firstName(wishes ...string) string {
	for _, wish := range wishes {
		if name := nameOf(wish); name != "" {
			return name
		}
	}
	return "agent"
}

// freeName is wish, or wish with the lowest number from 2 that is free.
func freeName(wish string, taken []string) string {
	if !slices.Contains(taken, wish) {
		return wish
	}
	for n := 2; ; n++ {
		suffix := "-" + strconv.Itoa(n)
		name := strings.TrimRight(wish[:min(len(wish), 63-len(suffix))], "-") + suffix
		if !slices.Contains(taken, name) {
			return name
		}
	}
}

// certify issues a certificate and keeps what is needed to judge it later.
func (f *Fleet) certify(ctx context.Context, q *db.Queries, agent uuid.UUID, public any, generation int64) (Certificate, error) {
	cert, err := f.issue(agent, public)
	if err != nil {
		return Certificate{}, err
	}
	spki := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	err = q.AddCertificate(ctx, db.AddCertificateParams{
		Serial: serialOf(cert), AgentID: agent, SpkiSha256: spki[:], Generation: generation, NotAfter: cert.NotAfter,
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("keep certificate: %w", err)
	}
	return Certificate{
		ChainPEM: wire.EncodeCertificates(cert.Raw), CAPEM: wire.EncodeCertificates(f.server.cert.Raw),
		NotAfter: cert.NotAfter, Generation: generation,
	}, nil
}

// publicKey takes the one thing that counts from a certificate request.
func publicKey(der []byte) (any, error) {
	if len(der) > maxCSR {
		return nil, ErrCSR.With("it has %d bytes, at most %d are read", len(der), maxCSR)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, ErrCSR.With("it cannot be read: %s", cut(err.Error()))
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, ErrCSR.With("its signature is wrong")
	}
	switch key := csr.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
			return key, nil
		}
	case ed25519.PublicKey:
		return key, nil
	}
	return nil, ErrCSR.With("its key is neither P-256, P-384 nor Ed25519")
}

func cut(s string) string {
	s = cleanText(s, 200)
	if !utf8.ValidString(s) {
		return "?"
	}
	return s
}
