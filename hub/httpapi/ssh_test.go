package httpapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/server/sshkey"
)

const serversPath = "/api/v1/projects/default/servers"

// shown records that a server showed a new host key, and returns its fingerprint.
func (w *world) shown(name string) string {
	w.t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	key := must(ssh.NewPublicKey(public))
	q := must(w.servers.Question(w.t.Context(), server.Ref{Project: w.ours.ID, Name: name}))
	a := server.Answer{HostKey: key.Marshal(), Checks: []server.Check{{Name: "dns", OK: true, Detail: "10.0.0.5"}, {Name: "host_key", OK: true}}}
	if _, err := w.servers.Record(w.t.Context(), q, "host-1", a); err != nil {
		w.t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

func TestAServerFromItsFirstDayToItsLast(t *testing.T) {
	w := newWorld(t)
	made := decode[httpapi.Server](t, w.want(201, "POST", serversPath,
		`{"name":"db-1","address":"db-1.example.com","user":"deploy","credential":{"generate":true},"via":{"zone":"eu"}}`))
	if made.State != "unknown" || made.Address != "db-1.example.com:22" || !strings.HasPrefix(made.Credential.PublicKey, "ssh-ed25519 ") || made.HostKey != nil {
		t.Fatalf("POST = %+v", made)
	}
	if got := w.do("POST", serversPath, `{"name":"db-1","address":"a","user":"b","credential":{"generate":true}}`); got.code() != "server_exists" {
		t.Fatalf("a second one of that name: %d %s", got.status, got.code())
	}
	// Nobody is there who could look.
	if got := w.do("POST", serversPath+"/db-1/check", ""); got.code() != "no_agent_for_server" {
		t.Fatalf("check = %d %s", got.status, got.code())
	}
	fingerprint := w.shown("db-1")
	got := decode[httpapi.Server](t, w.want(200, "GET", serversPath+"/db-1", ""))
	if got.Offered == nil || got.Offered.Fingerprint != fingerprint || len(got.Checks) != 2 || got.Checks[0].Detail != "10.0.0.5" {
		t.Fatalf("GET = %+v", got)
	}
	if got := w.do("POST", serversPath+"/db-1/trust", `{"fingerprint":"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}`); got.code() != "fingerprint_differs" {
		t.Fatalf("trust of another key = %d %s", got.status, got.code())
	}
	got = decode[httpapi.Server](t, w.want(200, "POST", serversPath+"/db-1/trust", `{"fingerprint":"`+fingerprint+`"}`))
	if got.HostKey == nil || got.HostKey.By != adminEmail || got.Offered != nil {
		t.Fatalf("trust = %+v", got)
	}
	got = decode[httpapi.Server](t, w.want(200, "PATCH", serversPath+"/db-1", `{"user":"root","via":{}}`))
	if got.User != "root" || len(got.Via) != 0 || got.Address != "db-1.example.com:22" {
		t.Fatalf("PATCH = %+v", got)
	}
	put := `{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"backup"},"spec":{"script":{"language":"bash","source":"date"},"target":{"server":"db-1"}}}`
	if change := decode[httpapi.JobChange](t, w.want(200, "PUT", "/api/v1/projects/default/jobs/backup", put)); len(change.Warnings) != 0 || change.Job.Spec.Target.Server != "db-1" {
		t.Fatalf("PUT of a job on it = %+v", change)
	}
	impact := decode[httpapi.ServerImpact](t, w.want(200, "GET", serversPath+"/db-1/impact", ""))
	if len(impact.Jobs) != 1 || impact.Jobs[0] != "backup" {
		t.Fatalf("impact = %+v", impact)
	}
	got = decode[httpapi.Server](t, w.want(200, "POST", serversPath+"/db-1/archive", ""))
	if got.State != "archived" || got.Credential.Kind != "none" || got.PurgeAfter == nil {
		t.Fatalf("archive = %+v", got)
	}
	change := decode[httpapi.JobChange](t, w.want(200, "PUT", "/api/v1/projects/default/jobs/backup", put))
	if len(change.Warnings) != 1 || change.Warnings[0].Code != "server_archived" || change.Warnings[0].Field != "spec.target.server" {
		t.Fatalf("PUT of a job on an archived server = %+v", change.Warnings)
	}
	if page := decode[httpapi.Page[httpapi.Server]](t, w.want(200, "GET", serversPath, "")); len(page.Items) != 0 {
		t.Fatalf("list = %+v", page)
	}
	if page := decode[httpapi.Page[httpapi.Server]](t, w.want(200, "GET", serversPath+"?archived=true", "")); len(page.Items) != 1 {
		t.Fatalf("list of the archived = %+v", page)
	}
	w.want(200, "POST", serversPath+"/db-1/restore", `{"credential":{"password":"hunter2"}}`)
	w.want(200, "POST", serversPath+"/db-1/archive", "")
	w.want(204, "DELETE", serversPath+"/db-1", "")
	w.want(404, "GET", serversPath+"/db-1", "")
}

// No answer of any route ever holds what opens a server.
func TestWhatOpensAServerIsNeverTold(t *testing.T) {
	w := newWorld(t)
	private, _, err := sshkey.Generate("x")
	if err != nil {
		t.Fatal(err)
	}
	// A line from the middle of the key; PEM in JSON has its line ends escaped.
	line := strings.Split(string(private), "\n")[2]
	pem := strings.ReplaceAll(string(private), "\n", `\n`)
	var told []reply
	tell := func(method, path, body string) { told = append(told, w.do(method, path, body)) }
	tell("POST", serversPath, `{"name":"a","address":"a","user":"u","credential":{"password":"hunter2-horse"}}`)
	tell("POST", serversPath, `{"name":"b","address":"b","user":"u","credential":{"private_key":"`+pem+`"}}`)
	tell("POST", serversPath, `{"name":"c","address":"-c","user":"u","credential":{"password":"hunter2-horse"}}`)
	tell("POST", serversPath, `{"name":"d","address":"d","user":"u","credential":{"password":"hunter2-horse","generate":true}}`)
	tell("POST", serversPath, `{"name":"e","address":"e","user":"u","credential":{"private_key":"hunter2-horse"}}`)
	tell("POST", serversPath, `{"name":"f","address":"f","user":"u","credential":{"password":{"x":"hunter2-horse"}}}`)
	tell("PATCH", serversPath+"/a", `{"credential":{"password":"hunter2-horse-2"}}`)
	for _, name := range []string{"a", "b"} {
		w.shown(name)
		for _, rest := range []string{"", "/impact"} {
			tell("GET", serversPath+"/"+name+rest, "")
		}
		tell("POST", serversPath+"/"+name+"/check", "")
	}
	tell("GET", serversPath, "")
	tell("POST", serversPath+"/a/archive", "")
	tell("POST", serversPath+"/a/restore", `{"credential":{"password":"hunter2-horse"}}`)
	for i, got := range told {
		if strings.Contains(string(got.body), "hunter2") || strings.Contains(string(got.body), line) || strings.Contains(string(got.body), "PRIVATE KEY-") {
			t.Errorf("answer %d tells a credential: %d %s", i, got.status, got.body)
		}
	}
}

func TestUsingAServerIsARightOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.want(201, "POST", serversPath, `{"name":"db-1","address":"a","user":"u","credential":{"generate":true}}`)
	put := func(token, server string) reply {
		target := ""
		if server != "" {
			target = `,"target":{"server":"` + server + `"}`
		}
		return w.do("PUT", "/api/v1/projects/default/jobs/backup",
			`{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"backup"},"spec":{"script":{"language":"bash","source":"date"}`+target+`}}`, as(token))
	}
	for role, want := range map[authz.Role][3]int{ // put a job on it, look at it now, archive it
		authz.Owner: {200, 409, 200}, authz.Editor: {200, 409, 403}, authz.Operator: {403, 403, 403}, authz.Viewer: {403, 403, 403},
	} {
		token, _ := w.member(w.ours, role)
		if role != authz.Owner { // the owner archives it; last
			got := [3]int{put(token, "db-1").status, w.do("POST", serversPath+"/db-1/check", "", as(token)).status, w.do("POST", serversPath+"/db-1/archive", "", as(token)).status}
			if got != want {
				t.Errorf("%s: %v, want %v", role, got, want)
			}
		}
		w.want(200, "GET", serversPath+"/db-1", "", as(token))
	}
	// The right is asked for by the room too, whoever its caller is.
	_, user := w.member(w.ours, "")
	actor := authz.Actor{UserID: user}
	if err := actor.Check(authz.ServerUse, w.ours.ID); err == nil {
		t.Error("a stranger may use servers")
	}
}

func TestAJobHasOnePlaceAndNoContainerOnAServer(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ spec, code, field string }{
		"both":      {`"target":{"server":"db-1","labels":{"os":"linux"}}`, "target_ambiguous", "spec.target"},
		"container": {`"target":{"server":"db-1"},"container":{"image":"alpine:3"}`, "container_on_server", "spec.container"},
		"name":      {`"target":{"server":"DB 1"}`, "invalid_name", "spec.target.server"},
	} {
		got := w.do("PUT", "/api/v1/projects/default/jobs/backup",
			`{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"backup"},"spec":{"script":{"language":"bash","source":"date"},`+c.spec+`}}`)
		if p := decode[httpapi.Problem](t, got); got.status != 422 || p.Code != c.code || p.Field != c.field {
			t.Errorf("%s: %d %s at %s, want %s at %s", name, got.status, p.Code, p.Field, c.code, c.field)
		}
	}
	got := w.want(200, "PUT", "/api/v1/projects/default/jobs/backup",
		`{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"backup"},"spec":{"script":{"language":"bash","source":"date"},"target":{"server":"nowhere"}}}`)
	if change := decode[httpapi.JobChange](t, got); len(change.Warnings) != 1 || change.Warnings[0].Code != "server_not_found" {
		t.Errorf("a server that is not there yet: %+v", change.Warnings)
	}
}
