package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/server/sshkey"
)

func TestWhatOpensAServerIsSealedAndBoundToItsRow(t *testing.T) {
	w := newWorld(t)
	made := w.create(server.Wish{Name: "db-1", Address: "db-1.example.com:2222", User: "deploy", Credential: server.Credential{Generate: true}})
	if made.Kind != server.Key || !strings.HasPrefix(made.PublicKey, "ssh-ed25519 ") || !strings.HasSuffix(made.PublicKey, " cronium-db-1") {
		t.Fatalf("Create = %s %q", made.Kind, made.PublicKey)
	}
	if made.Address != "db-1.example.com:2222" || made.Health != server.Unknown || made.Trusted != nil || made.CreatedBy != w.admin.Email {
		t.Fatalf("Create = %+v", made)
	}
	w.create(wish("db-2"))
	var text []byte
	if err := w.db.Pool.QueryRow(t.Context(), "select sealed_credential from servers where name = 'db-2'").Scan(&text); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("horse")) {
		t.Fatal("the password is in the database in clear")
	}
	// A sealed value that was moved to another row does not open.
	key, fingerprint := hostKey(t)
	w.probed("db-1", shows(key))
	if _, err := w.Trust(t.Context(), w.admin, w.project, "db-1", fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Pool.Exec(t.Context(), "update servers set sealed_credential = $1 where name = 'db-1'", text); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Credentials(t.Context(), w.project, "db-1"); !errors.Is(err, secret.ErrDamaged) {
		t.Fatalf("Credentials of a row with another's secret = %v, want %v", err, secret.ErrDamaged)
	}
}

func TestCredentialsTellTheWholeWayInOrder(t *testing.T) {
	w := newWorld(t)
	w.trusted(wish("gate"))
	inner := wish("db-1")
	inner.Jump, inner.Via = "gate", map[string]string{"zone": "eu"}
	inner.Credential = server.Credential{Password: secret.NewText("inner")}
	w.trusted(inner)
	opened, err := w.Credentials(t.Context(), w.project, "db-1")
	if err != nil || len(opened) != 2 {
		t.Fatalf("Credentials = %d, %v", len(opened), err)
	}
	gate, db := w.get("gate"), w.get("db-1")
	if opened[0].ServerID != gate.ID || opened[0].Password.Reveal() != "correct horse" || opened[1].ServerID != db.ID || opened[1].Password.Reveal() != "inner" {
		t.Fatalf("Credentials are not those of gate, then db-1")
	}
	if text := fmt.Sprintf("%v %+v %#v", opened, opened, opened); strings.Contains(text, "horse") {
		t.Fatalf("a printed credential tells itself: %s", text)
	}
	way := w.way("db-1")
	if diff := cmp.Diff(map[string]string{"zone": "eu", "executor.ssh": "true"}, way.Labels); diff != "" {
		t.Fatalf("labels of the way (-want +got):\n%s", diff)
	}
	if m := way.Server; m.GetName() != "db-1" || m.GetUser() != "deploy" || m.GetJump().GetName() != "gate" || len(m.GetHostKey()) == 0 || len(m.GetJump().GetHostKey()) == 0 {
		t.Fatalf("the way is %v", m)
	}
}

func TestWhatIsNotAServerIsRefusedAndNamed(t *testing.T) {
	w := newWorld(t)
	w.create(wish("taken"))
	private, _, err := sshkey.Generate("x")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*server.Wish)
		want   error
	}{
		"taken name":          {func(w *server.Wish) { w.Name = "taken" }, server.ErrTaken},
		"name":                {func(w *server.Wish) { w.Name = "DB_1" }, server.ErrName},
		"empty user":          {func(w *server.Wish) { w.User = "" }, server.ErrUser},
		"option as user":      {func(w *server.Wish) { w.User = "-oProxyCommand=x" }, server.ErrUser},
		"long user":           {func(w *server.Wish) { w.User = strings.Repeat("a", 33) }, server.ErrUser},
		"option as host":      {func(w *server.Wish) { w.Address = "-oProxyCommand=touch" }, server.ErrAddress},
		"empty host":          {func(w *server.Wish) { w.Address = ":22" }, server.ErrAddress},
		"port 0":              {func(w *server.Wish) { w.Address = "a:0" }, server.ErrAddress},
		"port 65536":          {func(w *server.Wish) { w.Address = "a:65536" }, server.ErrAddress},
		"port +22":            {func(w *server.Wish) { w.Address = "a:+22" }, server.ErrAddress},
		"space":               {func(w *server.Wish) { w.Address = "a b" }, server.ErrAddress},
		"shell":               {func(w *server.Wish) { w.Address = "a;id" }, server.ErrAddress},
		"zone":                {func(w *server.Wish) { w.Address = "[fe80::1%eth0]:22" }, server.ErrAddress},
		"number as host":      {func(w *server.Wish) { w.Address = "2130706433" }, server.ErrAddress},
		"hex as host":         {func(w *server.Wish) { w.Address = "0x7f.1" }, server.ErrAddress},
		"colons":              {func(w *server.Wish) { w.Address = "1:2:3" }, server.ErrAddress},
		"long host":           {func(w *server.Wish) { w.Address = strings.Repeat("a.", 130) + "a" }, server.ErrAddress},
		"label":               {func(w *server.Wish) { w.Via = map[string]string{"a b": "c"} }, server.ErrVia},
		"fingerprint":         {func(w *server.Wish) { w.Fingerprint = "MD5:aa" }, server.ErrFingerprint},
		"no credential":       {func(w *server.Wish) { w.Credential = server.Credential{} }, server.ErrCredential},
		"two credentials":     {func(w *server.Wish) { w.Credential.Generate = true }, server.ErrCredential},
		"passphrase alone":    {func(w *server.Wish) { w.Credential.Passphrase = secret.NewText("x") }, server.ErrCredential},
		"long password":       {func(w *server.Wish) { w.Credential.Password = secret.NewText(strings.Repeat("x", 1025)) }, server.ErrCredential},
		"password of control": {func(w *server.Wish) { w.Credential.Password = secret.NewText("a\nb") }, server.ErrCredential},
		"no key":              {func(w *server.Wish) { w.Credential = server.Credential{PrivateKey: secret.NewText("hunter2")} }, sshkey.ErrKey},
		"jump that is not":    {func(w *server.Wish) { w.Jump = "nowhere" }, server.ErrJump},
	} {
		one := wish("fresh")
		c.change(&one)
		if _, err := w.Create(t.Context(), w.admin, w.project, one); !errors.Is(err, c.want) {
			t.Errorf("%s: Create = %v, want %v", name, err, c.want)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "xxxxx") {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"10.0.0.5": "10.0.0.5:22", "[2001:db8::1]:2222": "[2001:db8::1]:2222", "2001:db8::1": "[2001:db8::1]:22", "[::1]": "[::1]:22",
		"DB-1.Example.com": "db-1.example.com:22", "db_1.internal.:2222": "db_1.internal:2222", "::ffff:10.0.0.5": "10.0.0.5:22",
	} {
		one := wish("a-" + uuid.NewString()[:8])
		one.Address = text
		one.Credential = server.Credential{PrivateKey: secret.NewText(strings.ReplaceAll(string(private), "\n", "\r\n"))}
		if got := w.create(one).Address; got != want {
			t.Errorf("address %q is kept as %q, want %q", text, got, want)
		}
	}
}

func TestWaysAreShortAndNoCircles(t *testing.T) {
	w := newWorld(t)
	before := ""
	for _, name := range []string{"a", "b", "c", "d"} {
		one := wish(name)
		one.Jump = before
		w.create(one)
		before = name
	}
	fifth := wish("e")
	fifth.Jump = "d"
	if _, err := w.Create(t.Context(), w.admin, w.project, fifth); !errors.Is(err, server.ErrJump) {
		t.Fatalf("a way through four servers: %v, want %v", err, server.ErrJump)
	}
	for _, to := range []string{"a", "b", "c", "d"} {
		if _, err := w.Edit(t.Context(), w.admin, w.project, "a", server.Edit{Jump: &to}); !errors.Is(err, server.ErrJump) {
			t.Errorf("a through %s: %v, want %v", to, err, server.ErrJump)
		}
	}
	// What hangs below counts too: b, c and d would be reached through one more.
	w.create(wish("z"))
	z := "z"
	if _, err := w.Edit(t.Context(), w.admin, w.project, "a", server.Edit{Jump: &z}); !errors.Is(err, server.ErrJump) {
		t.Fatalf("a way made too long from its far end: %v, want %v", err, server.ErrJump)
	}
	none := ""
	got, err := w.Edit(t.Context(), w.admin, w.project, "b", server.Edit{Jump: &none})
	if err != nil || got.Jump != "" {
		t.Fatalf("Edit(b, no jump) = %q, %v", got.Jump, err)
	}
}

func TestOnlyWhoMayEditServersDoes(t *testing.T) {
	w := newWorld(t)
	w.create(wish("db-1"))
	_, fingerprint := hostKey(t)
	for _, role := range []authz.Role{authz.Editor, authz.Operator, authz.Viewer, authz.Auditor} {
		actor := authz.Actor{UserID: uuid.New(), Roles: map[uuid.UUID]authz.Role{w.project: role}}
		_, err1 := w.Create(t.Context(), actor, w.project, wish("x"))
		_, err2 := w.Edit(t.Context(), actor, w.project, "db-1", server.Edit{})
		_, err3 := w.Trust(t.Context(), actor, w.project, "db-1", fingerprint)
		_, err4 := w.Archive(t.Context(), actor, w.project, "db-1")
		_, err5 := w.Restore(t.Context(), actor, w.project, "db-1", password)
		err6 := w.Remove(t.Context(), actor, w.project, "db-1")
		for i, err := range []error{err1, err2, err3, err4, err5, err6} {
			if !errors.Is(err, authz.ErrForbidden) {
				t.Errorf("%s, verb %d: %v, want %v", role, i+1, err, authz.ErrForbidden)
			}
		}
	}
}

func TestAnEditChangesWhatIsGivenAndNoMore(t *testing.T) {
	w := newWorld(t)
	_, fingerprint := w.trusted(wish("db-1"))
	address, user := "10.0.0.6:2222", "root"
	got, err := w.Edit(t.Context(), w.admin, w.project, "db-1", server.Edit{Address: &address, User: &user})
	if err != nil || got.Address != address || got.User != "root" || got.Kind != server.Password {
		t.Fatalf("Edit = %+v, %v", got, err)
	}
	if got.Trusted == nil || got.Trusted.Fingerprint != fingerprint {
		t.Fatalf("an edit forgot the confirmed key: %+v", got.Trusted)
	}
	opened, err := w.Credentials(t.Context(), w.project, "db-1")
	if err != nil || opened[0].Password.Reveal() != "correct horse" {
		t.Fatalf("an edit of the address changed the credential: %v", err)
	}
	if _, err := w.Edit(t.Context(), w.admin, w.project, "db-1", server.Edit{Credential: &server.Credential{Generate: true}}); err != nil {
		t.Fatal(err)
	}
	opened, err = w.Credentials(t.Context(), w.project, "db-1")
	if err != nil || !opened[0].Password.Empty() || opened[0].PrivateKey.Empty() {
		t.Fatalf("the new key is not what opens it: %v", err)
	}
}

func TestArchivingForgetsTheCredentialAtOnce(t *testing.T) {
	w := newWorld(t)
	w.trusted(wish("db-1"))
	w.jobs = []string{"backup"}
	if i, err := w.Impact(t.Context(), w.project, "db-1"); err != nil || !cmp.Equal(i.Jobs, []string{"backup"}) {
		t.Fatalf("Impact = %+v, %v", i, err)
	}
	got, err := w.Archive(t.Context(), w.admin, w.project, "db-1")
	if err != nil || got.ArchivedAt == nil || got.Kind != server.None || got.ArchivedBy != w.admin.Email {
		t.Fatalf("Archive = %+v, %v", got, err)
	}
	if days := got.PurgeAfter.Sub(*got.ArchivedAt); days != 30*24*time.Hour {
		t.Fatalf("it can be restored for %s, want 30 days", days)
	}
	var sealed []byte
	if err := w.db.Pool.QueryRow(t.Context(), "select sealed_credential from servers").Scan(&sealed); err != nil || sealed != nil {
		t.Fatalf("the credential is still there: %d bytes, %v", len(sealed), err)
	}
	if _, err := w.Credentials(t.Context(), w.project, "db-1"); !errors.Is(err, server.ErrArchived) {
		t.Fatalf("Credentials = %v, want %v", err, server.ErrArchived)
	}
	if way := w.way("db-1"); !errors.Is(way.Err, server.ErrArchived) || way.Server != nil {
		t.Fatalf("way = %+v", way)
	}
	if _, err := w.Edit(t.Context(), w.admin, w.project, "db-1", server.Edit{}); !errors.Is(err, server.ErrArchived) {
		t.Fatalf("Edit = %v, want %v", err, server.ErrArchived)
	}
	if page, err := w.List(t.Context(), w.project, server.Filter{}); err != nil || len(page.Servers) != 0 {
		t.Fatalf("List = %d servers, %v", len(page.Servers), err)
	}
	if page, err := w.List(t.Context(), w.project, server.Filter{Archived: true}); err != nil || len(page.Servers) != 1 {
		t.Fatalf("List(archived) = %d servers, %v", len(page.Servers), err)
	}
	if _, err := w.Create(t.Context(), w.admin, w.project, wish("db-1")); !errors.Is(err, server.ErrTaken) {
		t.Fatalf("its name was given away: %v", err)
	}
	if _, err := w.Restore(t.Context(), w.admin, w.project, "db-1", server.Credential{}); !errors.Is(err, server.ErrCredential) {
		t.Fatalf("Restore without a credential = %v, want %v", err, server.ErrCredential)
	}
	got, err = w.Restore(t.Context(), w.admin, w.project, "db-1", server.Credential{Password: secret.NewText("new one")})
	if err != nil || got.ArchivedAt != nil || got.Kind != server.Password || got.Trusted == nil {
		t.Fatalf("Restore = %+v, %v", got, err)
	}
	opened, err := w.Credentials(t.Context(), w.project, "db-1")
	if err != nil || opened[0].Password.Reveal() != "new one" {
		t.Fatalf("Credentials after the restore: %v", err)
	}
	if _, err := w.Restore(t.Context(), w.admin, w.project, "db-1", password); !errors.Is(err, server.ErrNotArchived) {
		t.Fatalf("Restore of one in use = %v, want %v", err, server.ErrNotArchived)
	}
}

func TestArchivedServersGoWhenTheirTimeIsOver(t *testing.T) {
	w := newWorld(t)
	w.create(wish("gate"))
	behind := wish("behind")
	behind.Jump = "gate"
	w.create(behind)
	w.create(wish("kept"))
	for _, name := range []string{"gate", "kept"} {
		if _, err := w.Archive(t.Context(), w.admin, w.project, name); err != nil {
			t.Fatal(err)
		}
	}
	if i, err := w.Impact(t.Context(), w.project, "gate"); err != nil || !cmp.Equal(i.Servers, []string{"behind"}) {
		t.Fatalf("Impact(gate) = %+v, %v", i, err)
	}
	if err := w.Remove(t.Context(), w.admin, w.project, "gate"); !errors.Is(err, server.ErrJumpedThrough) {
		t.Fatalf("Remove(gate) = %v, want %v", err, server.ErrJumpedThrough)
	}
	if err := w.Remove(t.Context(), w.admin, w.project, "behind"); !errors.Is(err, server.ErrNotArchived) {
		t.Fatalf("Remove(behind) = %v, want %v", err, server.ErrNotArchived)
	}
	if gone, err := w.Purge(t.Context()); err != nil || len(gone) != 0 {
		t.Fatalf("Purge before the time = %v, %v", gone, err)
	}
	// A month passes.
	if _, err := w.db.Pool.Exec(t.Context(), "update servers set purge_after = purge_after - interval '31 days'"); err != nil {
		t.Fatal(err)
	}
	if gone, err := w.Purge(t.Context()); err != nil || !cmp.Equal(gone, []string{"kept"}) {
		t.Fatalf("Purge = %v, %v; want kept: gate is the way to another", gone, err)
	}
	if way := w.way("behind"); !errors.Is(way.Err, server.ErrArchived) && !errors.Is(way.Err, server.ErrNotTrusted) {
		t.Fatalf("behind may be reached through an archived server: %+v", way)
	}
	none := ""
	if _, err := w.Edit(t.Context(), w.admin, w.project, "behind", server.Edit{Jump: &none}); err != nil {
		t.Fatal(err)
	}
	if gone, err := w.Purge(t.Context()); err != nil || !cmp.Equal(gone, []string{"gate"}) {
		t.Fatalf("Purge = %v, %v; want gate", gone, err)
	}
	w.create(wish("gate")) // the name is free
}

func TestServersAreListedPageByPage(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(wish(fmt.Sprintf("s-%d", i)))
	}
	var names []string
	for after := ""; ; {
		page, err := w.List(t.Context(), w.project, server.Filter{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Servers {
			names = append(names, s.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"s-0", "s-1", "s-2", "s-3", "s-4"}, names); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}
