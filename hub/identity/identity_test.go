package identity_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/identity"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/setting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	email    = "ada@example.org"
	password = "correct horse battery"
	home     = "192.0.2.1"
)

// world is an installation with a clock that stands still unless it is moved.
type world struct {
	*identity.Store
	db *postgres.DB

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.New(t), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	settings := setting.New(w.db)
	if _, err := settings.Instance(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Store = identity.New(w.db, project.New(w.db), settings, identity.Config{Now: w.clock})
	w.Cheapen()
	return w
}

// settled is a world with its administrator.
func settled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if created, err := w.EnsureAdmin(t.Context(), email, password); err != nil || !created {
		t.Fatalf("EnsureAdmin = %v, %v", created, err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) login(t *testing.T) (cookie string, user identity.User) {
	t.Helper()
	cookie, user, err := w.Login(t.Context(), email, password, home, "test")
	if err != nil {
		t.Fatalf("Login = %v", err)
	}
	return cookie, user
}

func (w *world) actor(t *testing.T) authz.Actor {
	t.Helper()
	cookie, _ := w.login(t)
	actor, err := w.ActorBySession(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

func (w *world) count(t *testing.T, table string) (n int) {
	t.Helper()
	if err := w.db.Pool.QueryRow(t.Context(), "select count(*) from "+pgx.Identifier{table}.Sanitize()).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSetupCodeWorksExactlyOnceForAHundredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, fresh, err := w.SetupCode(t.Context())
	if err != nil || !fresh || len(code) != 19 {
		t.Fatalf("SetupCode = %q, %v, %v", code, fresh, err)
	}
	var wins, refusals sync.Map
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			user, err := w.Setup(context.WithoutCancel(t.Context()), code, email, password)
			switch {
			case err == nil:
				wins.Store(i, user)
			case errors.Is(err, identity.ErrSetupDone), errors.Is(err, identity.ErrBusy):
				refusals.Store(i, err)
			default:
				t.Errorf("Setup = %v", err)
			}
		})
	}
	all.Wait()
	if n := size(&wins); n != 1 || size(&refusals) != 99 {
		t.Fatalf("%d won and %d were refused, want 1 and 99", n, size(&refusals))
	}
	if n := w.count(t, "users"); n != 1 {
		t.Fatalf("%d users", n)
	}
	if _, user := w.login(t); !user.Admin || user.Email != email || user.Name != "ada" {
		t.Fatalf("the administrator is %+v", user)
	}
	if code, fresh, err := w.SetupCode(t.Context()); code != "" || fresh || err != nil {
		t.Fatalf("a second SetupCode = %q, %v, %v", code, fresh, err)
	}
}

func TestSetupCodeForgivesHowItIsTypedButNotWhatItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, _, err := w.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := w.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", old, code + "0", strings.Repeat("0", 16), "\x00\xff"} {
		if _, err := w.Setup(t.Context(), wrong, email, password); !errors.Is(err, identity.ErrSetupCode) {
			t.Errorf("Setup(%q) = %v, want ErrSetupCode", wrong, err)
		}
	}
	if needs, err := w.NeedsSetup(t.Context()); err != nil || !needs {
		t.Fatalf("NeedsSetup = %v, %v", needs, err)
	}
	if _, err := w.Setup(t.Context(), " "+strings.ToLower(strings.ReplaceAll(code, "-", " ")), email, password); err != nil {
		t.Fatalf("Setup = %v", err)
	}
	if needs, err := w.NeedsSetup(t.Context()); err != nil || needs {
		t.Fatalf("NeedsSetup = %v, %v", needs, err)
	}
}

func TestEnsureAdminActsOnlyOnTheFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := w.EnsureAdmin(context.WithoutCancel(t.Context()), email, password); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if created, err := w.EnsureAdmin(t.Context(), "eve@example.org", "another password"); created || err != nil {
		t.Fatalf("a later EnsureAdmin = %v, %v", created, err)
	}
	if n := w.count(t, "users"); n != 1 {
		t.Fatalf("%d users, want 1", n)
	}
}

func TestWrongPasswordAndUnknownAccountLookAlike(t *testing.T) {
	t.Parallel()
	w := settled(t)
	if _, err := w.db.Pool.Exec(t.Context(), `insert into users (id, email, name, password_hash, disabled_at)
		select $1, 'gone@example.org', 'Gone', password_hash, now() from users`, uuid.New()); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, c := range [][2]string{
		{email, "wrong horse battery"}, {"nobody@example.org", password}, {"gone@example.org", password},
		{"not an address", password}, {email, ""}, {email, strings.Repeat("x", 1000)}, {"\x00", "\x00"},
	} {
		_, _, err := w.Login(t.Context(), c[0], c[1], home, "")
		if !errors.Is(err, identity.ErrLogin) {
			t.Errorf("Login(%q) = %v, want ErrLogin", c[0], err)
			continue
		}
		said = append(said, err.Error())
	}
	for _, words := range said {
		if words != said[0] {
			t.Fatalf("the answers differ: %q", said)
		}
	}
}

// When no hash can be had, both have to be turned away: both would be hashed.
func TestUnknownAccountIsHashedToo(t *testing.T) {
	t.Parallel()
	w := settled(t)
	drain := w.Flood()
	for _, who := range []string{email, "nobody@example.org"} {
		for range 12 { // more than an account may fail
			if _, _, err := w.Login(t.Context(), who, password, home, ""); !errors.Is(err, identity.ErrBusy) {
				t.Fatalf("Login(%s) in a flood = %v, want ErrBusy", who, err)
			}
		}
	}
	drain()
	w.login(t) // being turned away was not held against the account
}

func TestTenFailuresBlockTheAccountForAMinuteThenLonger(t *testing.T) {
	t.Parallel()
	w := settled(t)
	try := func(password, ip string) error {
		_, _, err := w.Login(t.Context(), email, password, ip, "")
		return err
	}
	for range 10 {
		if err := try("wrong horse battery", home); !errors.Is(err, identity.ErrLogin) {
			t.Fatalf("Login = %v, want ErrLogin", err)
		}
	}
	if err := try(password, "198.51.100.7"); !errors.Is(err, identity.ErrTooManyAttempts) {
		t.Fatalf("Login with the right password elsewhere = %v, want ErrTooManyAttempts", err)
	}
	w.pass(61 * time.Second)
	if err := try("wrong horse battery", home); !errors.Is(err, identity.ErrLogin) {
		t.Fatalf("Login after the block = %v, want ErrLogin", err)
	}
	w.pass(61 * time.Second)
	if err := try(password, home); !errors.Is(err, identity.ErrTooManyAttempts) {
		t.Fatalf("Login in the second block = %v, want ErrTooManyAttempts", err)
	}
	w.pass(time.Minute)
	if err := try(password, home); err != nil {
		t.Fatalf("Login after the second block = %v", err)
	}
	for range 9 {
		_ = try("wrong horse battery", home)
	}
	if err := try(password, home); err != nil {
		t.Fatalf("Login after nine failures = %v; the success before was not a new beginning", err)
	}
}

func TestAGuesserGetsNoMoreTriesByGuessingAtOnce(t *testing.T) {
	t.Parallel()
	w := settled(t)
	var guesses sync.Map
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, _, err := w.Login(context.WithoutCancel(t.Context()), email, "wrong horse battery", home, "")
			switch {
			case errors.Is(err, identity.ErrLogin):
				guesses.Store(i, true)
			case !errors.Is(err, identity.ErrTooManyAttempts):
				t.Errorf("Login = %v", err)
			}
		})
	}
	all.Wait()
	if n := size(&guesses); n != 10 {
		t.Fatalf("%d of 40 guesses were compared, want 10", n)
	}
}

func TestThirtyFailuresInAMinuteBlockTheAddress(t *testing.T) {
	t.Parallel()
	w := settled(t)
	from := func(ip string) error {
		_, _, err := w.Login(t.Context(), uuid.NewString()+"@example.org", password, ip, "")
		return err
	}
	for range 30 {
		if err := from("2001:db8:0:1::1"); !errors.Is(err, identity.ErrLogin) {
			t.Fatalf("Login = %v, want ErrLogin", err)
		}
	}
	if err := from("2001:db8:0:1:ffff::2"); !errors.Is(err, identity.ErrTooManyAttempts) {
		t.Fatalf("Login from the same /64 = %v, want ErrTooManyAttempts", err)
	}
	if err := from("2001:db8:0:2::1"); !errors.Is(err, identity.ErrLogin) {
		t.Fatalf("Login from another /64 = %v, want ErrLogin", err)
	}
	w.pass(61 * time.Second)
	if err := from("2001:db8:0:1::1"); !errors.Is(err, identity.ErrLogin) {
		t.Fatalf("Login a minute later = %v, want ErrLogin", err)
	}
}

func TestSessionEndsAfterIdlenessAgeLogoutAndDisabling(t *testing.T) {
	t.Parallel()
	w := settled(t)
	alive := func(cookie string, want bool) {
		t.Helper()
		actor, err := w.ActorBySession(t.Context(), cookie)
		if want && (err != nil || actor.Email != email || !actor.Admin) {
			t.Fatalf("ActorBySession = %+v, %v", actor, err)
		}
		if !want && !errors.Is(err, identity.ErrUnauthenticated) {
			t.Fatalf("ActorBySession = %v, want ErrUnauthenticated", err)
		}
	}
	cookie, _ := w.login(t)
	for range 15 { // in use all along: 15 × 11 h < 7 d
		w.pass(11 * time.Hour)
		alive(cookie, true)
	}
	w.pass(4 * time.Hour) // 169 h: older than seven days
	alive(cookie, false)

	cookie, _ = w.login(t)
	w.pass(12*time.Hour + time.Second)
	alive(cookie, false)

	cookie, _ = w.login(t)
	other, _ := w.login(t)
	if cookie == other {
		t.Fatal("two logins share a session")
	}
	if err := w.Logout(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	alive(cookie, false)
	alive(other, true)

	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, "sessions"); n != 1 {
		t.Fatalf("%d sessions are stored after the sweep, want the living one", n)
	}
	if _, err := w.db.Pool.Exec(t.Context(), "update users set disabled_at = now()"); err != nil {
		t.Fatal(err)
	}
	alive(other, false)
	for _, bad := range []string{"", "x", other[:42], other + "x", strings.Repeat("\x00", 43)} {
		alive(bad, false)
	}
}

func TestCookieIsNotStored(t *testing.T) {
	t.Parallel()
	w := settled(t)
	cookie, _ := w.login(t)
	plain, _, err := w.CreateToken(t.Context(), w.actor(t), "laptop", 0)
	if err != nil {
		t.Fatal(err)
	}
	var everything string
	err = w.db.Pool.QueryRow(t.Context(), `select (select string_agg(s::text, '') from sessions s) ||
		(select string_agg(t::text, '') from api_tokens t) || (select string_agg(u::text, '') from users u)`).Scan(&everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{cookie, plain, strings.Split(plain, "_")[2], password} {
		if strings.Contains(everything, secret) {
			t.Fatalf("%q is in the database", secret)
		}
	}
}

func TestActorHasTheRolesOfThisMoment(t *testing.T) {
	t.Parallel()
	w := settled(t)
	projects := project.New(w.db)
	p, err := projects.EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cookie, user := w.login(t)
	for _, role := range []authz.Role{authz.Viewer, authz.Owner} {
		err := w.db.InTx(t.Context(), func(tx pgx.Tx) error { return projects.Grant(t.Context(), tx, p.ID, user.ID, role) })
		if err != nil {
			t.Fatal(err)
		}
		actor, err := w.ActorBySession(t.Context(), cookie)
		if err != nil || actor.Roles[p.ID] != role {
			t.Fatalf("roles = %v, %v; want %s", actor.Roles, err, role)
		}
	}
}

func TestRenameIsSeenAtTheNextRequest(t *testing.T) {
	t.Parallel()
	w := settled(t)
	cookie, user := w.login(t)
	if _, err := w.Rename(t.Context(), user.ID, " Ada Lovelace "); err != nil {
		t.Fatal(err)
	}
	if actor, err := w.ActorBySession(t.Context(), cookie); err != nil || actor.Name != "Ada Lovelace" {
		t.Fatalf("name = %q, %v", actor.Name, err)
	}
	for _, bad := range []string{"", "  ", strings.Repeat("x", 101), "a\x00b", "a\nb", "\xff"} {
		if _, err := w.Rename(t.Context(), user.ID, bad); !errors.Is(err, identity.ErrName) {
			t.Errorf("Rename(%q) = %v, want ErrName", bad, err)
		}
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}
