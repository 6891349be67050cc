package server_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
)

// world is the room on a database of its own.
type world struct {
	*server.Store
	t       *testing.T
	db      *postgres.DB
	keys    *secret.Keys
	project uuid.UUID
	admin   authz.Actor
	jobs    []string // what the consumer lists
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{t: t, db: pgtest.New(t), admin: authz.Actor{UserID: uuid.New(), Email: "anna@example.com", Admin: true}}
	p, err := project.New(w.db).EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.project = p.ID
	if w.keys, err = secret.OpenKeys(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.Store = server.New(w.db, server.Config{Sealer: w.keys, Instance: uuid.New(),
		Jobs: func(context.Context, uuid.UUID, string) ([]string, error) { return w.jobs, nil }})
	return w
}

func wish(name string) server.Wish {
	return server.Wish{Name: name, Address: "10.0.0.5", User: "deploy", Credential: password}
}

var password = server.Credential{Password: secret.NewText("correct horse")}

func (w *world) create(wish server.Wish) server.Server {
	w.t.Helper()
	s, err := w.Create(w.t.Context(), w.admin, w.project, wish)
	if err != nil {
		w.t.Fatalf("Create(%s): %v", wish.Name, err)
	}
	return s
}

func (w *world) get(name string) server.Server {
	w.t.Helper()
	s, err := w.Get(w.t.Context(), w.project, name)
	if err != nil {
		w.t.Fatalf("Get(%s): %v", name, err)
	}
	return s
}

func (w *world) ref(name string) server.Ref { return server.Ref{Project: w.project, Name: name} }

// hostKey makes what a server shows, and its fingerprint.
func hostKey(t *testing.T) (wire []byte, fingerprint string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key.Marshal(), ssh.FingerprintSHA256(key)
}

// probed records what an agent would have found on the server as it is now.
func (w *world) probed(name string, a server.Answer) (again bool) {
	w.t.Helper()
	q, err := w.Question(w.t.Context(), w.ref(name))
	if err != nil {
		w.t.Fatalf("Question(%s): %v", name, err)
	}
	again, err = w.Record(w.t.Context(), q, "host-1", a)
	if err != nil {
		w.t.Fatalf("Record(%s): %v", name, err)
	}
	return again
}

// shows is an answer that ended with the host key.
func shows(key []byte) server.Answer {
	return server.Answer{HostKey: key, Checks: []server.Check{{Name: "dns", OK: true}, {Name: "tcp", OK: true}, {Name: "host_key", OK: true}}}
}

// lets is an answer of a server that let the agent in.
func lets(key []byte) server.Answer {
	a := shows(key)
	a.Checks = append(a.Checks, server.Check{Name: "auth", OK: true}, server.Check{Name: "shell", OK: true})
	a.Facts = &server.Facts{OS: "linux", Arch: "amd64", CPUs: 2, DiskBytes: 100, DiskFree: 50, Interpreters: map[string]string{"bash": "5.2"}}
	return a
}

// trusted adds a server and confirms its key.
func (w *world) trusted(wish server.Wish) (key []byte, fingerprint string) {
	w.t.Helper()
	w.create(wish)
	key, fingerprint = hostKey(w.t)
	w.probed(wish.Name, shows(key))
	if _, err := w.Trust(w.t.Context(), w.admin, w.project, wish.Name, fingerprint); err != nil {
		w.t.Fatalf("Trust(%s): %v", wish.Name, err)
	}
	return key, fingerprint
}

func (w *world) way(name string) server.Way {
	w.t.Helper()
	ways, err := w.Ways(w.t.Context(), []server.Ref{w.ref(name)})
	if err != nil {
		w.t.Fatal(err)
	}
	return ways[w.ref(name)]
}
