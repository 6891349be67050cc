package agentapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/hub/agentapi"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/proto/wire"
)

const opens = "correct horse battery"

// addServer makes db-1, whose key is confirmed, the target of the job.
func (w *world) addServer(t *testing.T) {
	t.Helper()
	_, err := w.servers.Create(t.Context(), w.admin, w.project, server.Wish{Name: "db-1", Address: "10.0.0.5:2222", User: "deploy",
		Credential: server.Credential{Password: secret.NewText(opens)}})
	if err != nil {
		t.Fatal(err)
	}
	w.showKey(t)
	s, err := w.servers.Get(t.Context(), w.project, "db-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.servers.Trust(t.Context(), w.admin, w.project, "db-1", s.Offered.Fingerprint); err != nil {
		t.Fatal(err)
	}
	w.server = "db-1"
}

// showKey records that db-1 showed a new host key.
func (w *world) showKey(t *testing.T) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	q, err := w.servers.Question(t.Context(), server.Ref{Project: w.project, Name: "db-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.servers.Record(t.Context(), q, "host", server.Answer{HostKey: key.Marshal()}); err != nil {
		t.Fatal(err)
	}
}

func onServer(r *run.Request) { r.Server = "db-1" }

func (a *agent) payload(t *testing.T, given *agentv1.Assignment) *runnerv1.Payload {
	t.Helper()
	order, err := payload.Keys(a.resp.GetSigningKeys()).Open(given.GetPayload())
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func (a *agent) open(t *testing.T, ref *agentv1.AttemptRef) ([]*agentv1.Credential, string) {
	t.Helper()
	out, err := a.hub.Credentials(t.Context(), &agentv1.CredentialsRequest{Ref: ref})
	if err != nil {
		p := wire.Problem(err)
		if p == nil {
			t.Fatalf("Credentials: %v", err)
		}
		if strings.Contains(err.Error(), opens) {
			t.Fatalf("a refusal tells the secret: %v", err)
		}
		return nil, p.Code
	}
	return out.GetCredentials(), ""
}

func TestAnAgentOpensTheServerOfTheAttemptThatItHolds(t *testing.T) {
	w := newWorld(t)
	w.addServer(t)
	a := w.agent(t, "one")
	started := w.start(t, 1, onServer)
	given := a.next(t)
	order := a.payload(t, given)
	s := order.GetServer()
	if s.GetName() != "db-1" || s.GetAddress() != "10.0.0.5:2222" || s.GetUser() != "deploy" || len(s.GetHostKey()) == 0 {
		t.Fatalf("the payload's server is %v", s)
	}
	if strings.Contains(string(given.GetPayload()), opens) {
		t.Fatal("the payload holds the credential")
	}
	a.accept(t, given.GetRef())
	got, code := a.open(t, given.GetRef())
	if code != "" || len(got) != 1 || got[0].GetServerId() != s.GetId() || got[0].GetPassword() != opens {
		t.Fatalf("Credentials = %d, %s", len(got), code)
	}
	if r := w.state(t, started[0].ID); r.Server != "db-1" {
		t.Fatalf("the run is on %q", r.Server)
	}
	a.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(given.GetRef(), 0)}})
	if got, code := a.open(t, given.GetRef()); code != "attempt_not_held" || got != nil {
		t.Fatalf("Credentials of an ended attempt = %d, %s", len(got), code)
	}
	if a.control.Cause() != nil {
		t.Fatal("an honest question too late ended the session")
	}
}

func TestNobodyElseOpensTheServer(t *testing.T) {
	w := newWorld(t)
	w.addServer(t)
	holder := w.agent(t, "holder")
	w.start(t, 1, onServer)
	ref := holder.next(t).GetRef()
	holder.accept(t, ref)
	thief := w.agent(t, "thief")
	for name, one := range map[string]*agentv1.AttemptRef{
		"another's attempt": ref,
		"a wrong attempt":   {RunId: ref.GetRunId(), Attempt: ref.GetAttempt() + 1, Fence: ref.GetFence()},
	} {
		if got, code := thief.open(t, one); code != "attempt_not_held" || got != nil {
			t.Errorf("%s: %d, %s", name, len(got), code)
		}
	}
	if got, code := holder.open(t, &agentv1.AttemptRef{RunId: ref.GetRunId(), Attempt: ref.GetAttempt(), Fence: ref.GetFence() + 1}); code != "attempt_not_held" || got != nil {
		t.Errorf("a wrong fence: %d, %s", len(got), code)
	}
	if got, code := holder.open(t, nil); code != agentapi.ErrMessage.Code || got != nil {
		t.Errorf("no reference: %d, %s", len(got), code)
	}
	// The third claim ends the session.
	_, _ = thief.hub.Credentials(t.Context(), &agentv1.CredentialsRequest{Ref: ref})
	eventually(t, "the thief's session is closed", func() bool { return thief.control.Cause() != nil })
	if got, code := holder.open(t, ref); code != "" || len(got) != 1 {
		t.Fatalf("the holder = %d, %s", len(got), code)
	}
}

func TestAServerThatIsNotTrustedAnyMoreIsNotOpened(t *testing.T) {
	w := newWorld(t)
	w.addServer(t)
	a := w.agent(t, "one")
	w.start(t, 1, onServer)
	ref := a.next(t).GetRef()
	a.accept(t, ref)
	w.showKey(t)
	if got, code := a.open(t, ref); code != server.ErrKeyMismatch.Code || got != nil {
		t.Fatalf("Credentials after another key = %d, %s", len(got), code)
	}
	if _, err := w.servers.Archive(t.Context(), w.admin, w.project, "db-1"); err != nil {
		t.Fatal(err)
	}
	if got, code := a.open(t, ref); code != server.ErrArchived.Code || got != nil {
		t.Fatalf("Credentials of an archived server = %d, %s", len(got), code)
	}
}

func TestARunOnAServerThatCannotBeUsedEndsWithTheReason(t *testing.T) {
	w := newWorld(t)
	w.addServer(t)
	a := w.agent(t, "one")
	ends := func(code string) {
		t.Helper()
		started := w.start(t, 1, onServer)
		eventually(t, "the run ends with "+code, func() bool { return w.state(t, started[0].ID).State.Final() })
		r := w.state(t, started[0].ID)
		if r.State != run.Failed || r.Outcome == nil || r.Outcome.Code != code || r.Outcome.Hint == "" {
			t.Fatalf("the run is %s, %+v; want failed, %s", r.State, r.Outcome, code)
		}
	}
	w.showKey(t)
	ends(server.ErrKeyMismatch.Code)
	if _, err := w.servers.Archive(t.Context(), w.admin, w.project, "db-1"); err != nil {
		t.Fatal(err)
	}
	ends(server.ErrArchived.Code)
	if err := w.servers.Remove(t.Context(), w.admin, w.project, "db-1"); err != nil {
		t.Fatal(err)
	}
	ends(server.ErrNotFound.Code)
	w.server = ""
	w.start(t, 1)
	if given := a.next(t); a.payload(t, given).GetServer() != nil {
		t.Fatal("a run without a server has one")
	}
}
