package hubtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/problem"
)

// enter opens a console and waits for its prompt.
func enter(t *testing.T, w *hubtest.World, c *client.Client, host string) *hubtest.Shell {
	t.Helper()
	ticket, err := c.OpenConsole(t.Context(), "default", host)
	if err != nil {
		t.Fatalf("ask for a console: %v", err)
	}
	s, err := w.Shell(c, ticket.Ticket, nil)
	if err != nil {
		t.Fatalf("open a console: %v", err)
	}
	s.Sees("ok> $") // who types before may lose it
	return s
}

func attach(t *testing.T, w *hubtest.World, c *client.Client, id string, offset *int64) *hubtest.Shell {
	t.Helper()
	ticket, err := c.AttachConsole(t.Context(), "default", id)
	if err != nil {
		t.Fatalf("ask for the way back: %v", err)
	}
	s, err := w.Shell(c, ticket.Ticket, offset)
	if err != nil {
		t.Fatalf("come back: %v", err)
	}
	return s
}

// hangUp ends a console for good.
func hangUp(t *testing.T, s *hubtest.Shell) {
	t.Helper()
	if err := s.Conn.HangUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := s.Hears("closed"); e.Reason != "closed" {
		t.Errorf("after hanging up the reason is %q, want closed", e.Reason)
	}
}

// recorded waits until a console is recorded as ended and returns its record.
func recorded(t *testing.T, w *hubtest.World, id string) client.Console {
	t.Helper()
	var found client.Console
	hubtest.Eventually(t, 30*time.Second, "the end of "+id+" is recorded", func() error {
		page, err := w.Client.Consoles(t.Context(), "default", false, client.Paging{Limit: 200})
		for _, c := range page.Items {
			if c.ID == id && c.ClosedAt != nil {
				found = c
				return nil
			}
		}
		return errors.Join(err, errors.New("it is not"))
	})
	return found
}

// colleague is another user with that role, signed in.
func colleague(t *testing.T, w *hubtest.World, name, role string) *client.Client {
	t.Helper()
	sql(t, w, `insert into users (id, email, name, password_hash) select gen_random_uuid(), $1, $1, password_hash from users where email = $2`, name+"@cronium.test", hubtest.Email)
	sql(t, w, `insert into memberships (project_id, user_id, role) select p.id, u.id, $2 from projects p, users u where p.slug = 'default' and u.email = $1`, name+"@cronium.test", role)
	made, err := w.Client.Login(t.Context(), name+"@cronium.test", hubtest.Password, client.TokenRequest{Name: name})
	if err != nil {
		t.Fatalf("log in as %s: %v", name, err)
	}
	return w.Client.As(made.Token)
}

func sql(t *testing.T, w *hubtest.World, statement string, args ...any) {
	t.Helper()
	if err := try(t, w, statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func try(t *testing.T, w *hubtest.World, statement string, args ...any) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), statement, args...)
	return err
}

func wantProblem(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	p, ok := problem.As(err)
	if !ok || p.Status != status || p.Code != code || p.Hint == "" {
		t.Errorf("%s: %+v, want %d %s with a hint", what, err, status, code)
	}
}

func TestConsole(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddConsoleAgent("shell-1")
	w.AddAgent("plain-1", nil)

	t.Run("from the ticket to the record", func(t *testing.T) {
		s := enter(t, w, w.Client, "shell-1")
		if i := s.Info; i.Type != "attached" || i.Host != "shell-1" || i.Offset != 0 || i.Missing != 0 || i.User == "" || i.IdleS != 600 || i.MaxS != 1800 {
			t.Errorf("the first word is %+v", i)
		}
		s.Type("echo $((6*7))\n")
		s.Sees("\n42\r\n")
		if err := s.Conn.Resize(t.Context(), 100_000, 1); err != nil {
			t.Fatal(err)
		}
		s.Type("until [ \"$(stty size)\" = '1 1000' ]; do sleep 0.01; done; echo wi''de\n")
		s.Sees("\nwide\r\n")
		s.Type("exit 3\n")
		if e := s.Hears("closed"); e.Reason != "exited" || e.Code == nil || *e.Code != 3 {
			t.Errorf("at the end: %+v, want exited with 3", e)
		}
		r := recorded(t, w, s.Info.Console)
		if r.Reason != "exited" || r.Host != "shell-1" || r.User != hubtest.Email || !r.Mine || r.IP != "127.0.0.1" || r.DurationMS == nil || *r.DurationMS <= 0 ||
			r.BytesOut != int64(len(s.Got)) || r.BytesIn < 20 {
			t.Errorf("the record is %+v; %d bytes were printed", r, len(s.Got))
		}
		_, err := w.Client.AttachConsole(t.Context(), "default", s.Info.Console)
		wantProblem(t, "the way back to what has ended", err, 410, "console_ended")
	})

	t.Run("a socket that is cut loses and doubles no byte", func(t *testing.T) {
		wire := newCutter(t, w.URL)
		through, err := client.New(client.Config{URL: wire.url, Token: tokenOf(t, w)})
		if err != nil {
			t.Fatal(err)
		}
		s := enter(t, w, through, "shell-1")
		start := len(s.Got)
		s.Type("stty -echo; seq 1 30000\n")
		for len(s.Got) < start+40_000 {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		wire.cut()
		next := s.Conn.Offset()
		if next != int64(len(s.Got)) {
			t.Fatalf("the offset is %d after %d bytes", next, len(s.Got))
		}
		again := attach(t, w, w.Client, s.Info.Console, &next)
		if again.Info.Offset != next || again.Info.Missing != 0 {
			t.Fatalf("back at %d with %d missing, want at %d", again.Info.Offset, again.Info.Missing, next)
		}
		again.Sees("\n30000\r\nok> $")
		var want bytes.Buffer
		want.WriteString("stty -echo; seq 1 30000\r\n")
		for i := range 30_000 {
			fmt.Fprintf(&want, "%d\r\n", i+1)
		}
		want.WriteString(hubtest.Prompt)
		if got := append(s.Got[start:], again.Got...); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%d bytes came, want %d, of which the end is %q", len(got), want.Len(), got[max(0, len(got)-80):])
		}
		hangUp(t, again)
	})

	t.Run("what is more than is kept is said to be missing", func(t *testing.T) {
		s := enter(t, w, w.Client, "shell-1")
		s.Type("stty -echo; read -r; seq 1 100000; echo fin''ished\n")
		s.Type("\n")
		next := s.Conn.Offset()
		s.Conn.Close()
		var printed int64
		hubtest.Eventually(t, 30*time.Second, "the shell has printed it all", func() error {
			page, err := w.Client.Consoles(t.Context(), "default", true, client.Paging{})
			for _, c := range page.Items {
				if printed = c.BytesOut; c.ID == s.Info.Console && !c.Attached && printed > next+688_000 {
					return nil
				}
			}
			return errors.Join(err, fmt.Errorf("it has printed %d", printed))
		})
		again := attach(t, w, w.Client, s.Info.Console, &next)
		if again.Info.Missing <= 0 || again.Info.Offset != next+again.Info.Missing {
			t.Fatalf("back at %d with %d missing, asked for %d", again.Info.Offset, again.Info.Missing, next)
		}
		again.Sees("\n100000\r\nfinished\r\nok> $")
		if kept := len(again.Got); kept < 256<<10 || kept > 260<<10 { // a little may have come later
			t.Errorf("%d bytes were kept, want 256 KiB", kept)
		}
		hangUp(t, again)
	})

	t.Run("a ticket is good once, for who asked", func(t *testing.T) {
		ticket, err := w.Client.OpenConsole(t.Context(), "default", "shell-1")
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Shell(w.Client, ticket.Ticket, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Shell(w.Client, ticket.Ticket, nil)
		wantProblem(t, "the ticket again", err, 401, "console_ticket_invalid")
		_, err = w.Shell(w.Client, "nonsense", nil)
		wantProblem(t, "nonsense", err, 401, "console_ticket_invalid")
		hangUp(t, s)
		ticket, err = w.Client.OpenConsole(t.Context(), "default", "shell-1")
		if err != nil {
			t.Fatal(err)
		}
		other, err := w.Client.Login(t.Context(), hubtest.Email, hubtest.Password, client.TokenRequest{Name: "another"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Shell(w.Client.As(other.Token), ticket.Ticket, nil)
		wantProblem(t, "another token of the same user", err, 401, "console_ticket_invalid")
	})

	t.Run("somebody else has to watch, and the owner is told", func(t *testing.T) {
		bob := colleague(t, w, "bob", "admin")
		s := enter(t, w, w.Client, "shell-1")
		_, err := bob.AttachConsole(t.Context(), "default", s.Info.Console)
		wantProblem(t, "the way into another's console", err, 404, "console_not_found")
		ticket, err := bob.WatchConsole(t.Context(), "default", s.Info.Console)
		if err != nil {
			t.Fatal(err)
		}
		watcher, err := w.Shell(bob, ticket.Ticket, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Hears("notice"); !strings.Contains(e.Notice, "bob@cronium.test is watching") {
			t.Errorf("the owner was told %q", e.Notice)
		}
		watcher.Type("echo I was he''re\n")
		if e := watcher.Hears("error"); e.Err() == nil || !strings.Contains(e.Err().Error(), "watching") {
			t.Errorf("a watcher who types is told %+v", e)
		}
		s.Type("echo vis''ible\n")
		watcher.Sees("\nvisible\r\n")
		s.Sees("\nvisible\r\n")
		if bytes.Contains(s.Got, []byte("I was here")) {
			t.Error("a watcher has typed")
		}
		watcher.Conn.Close()
		if e := s.Hears("notice"); !strings.Contains(e.Notice, "stopped watching") {
			t.Errorf("the owner was told %q", e.Notice)
		}
		hangUp(t, s)
	})

	t.Run("one is attached at one place", func(t *testing.T) {
		s := enter(t, w, w.Client, "shell-1")
		again := attach(t, w, w.Client, s.Info.Console, nil)
		wantProblem(t, "the socket before", s.Ends(), 409, "console_taken_over")
		again.Type("echo he''re\n")
		again.Sees("\nhere\r\n")
		hangUp(t, again)
	})

	t.Run("who loses the right loses the shell", func(t *testing.T) {
		carol := colleague(t, w, "carol", "owner")
		s := enter(t, w, carol, "shell-1")
		left := enter(t, w, carol, "shell-1")
		left.Conn.Close()
		began := time.Now()
		sql(t, w, `update memberships set role = 'viewer' where user_id = (select id from users where email = 'carol@cronium.test')`)
		if err := s.Ends(); err == nil {
			t.Error("it goes on")
		}
		t.Logf("closed after %s", time.Since(began))
		for _, id := range []string{s.Info.Console, left.Info.Console} {
			if r := recorded(t, w, id); r.Reason != "not_permitted" {
				t.Errorf("the reason is %q, want not_permitted", r.Reason)
			}
		}
		_, err := carol.OpenConsole(t.Context(), "default", "shell-1")
		wantProblem(t, "a viewer who wants a console", err, 403, "forbidden")
	})

	t.Run("a token that is revoked, a user who is disabled", func(t *testing.T) {
		for name, take := range map[string]string{
			"dave": `update api_tokens set revoked_at = now() where user_id = (select id from users where email = $1)`,
			"erin": `update users set disabled_at = now() where email = $1`,
		} {
			c := colleague(t, w, name, "admin")
			s := enter(t, w, c, "shell-1")
			sql(t, w, take, name+"@cronium.test")
			if err := s.Ends(); err == nil {
				t.Errorf("the console of %s goes on", name)
			}
			if r := recorded(t, w, s.Info.Console); r.Reason != "signed_out" && (name == "dave" || r.Reason != "not_permitted") {
				t.Errorf("the console of %s ended for %q", name, r.Reason)
			}
		}
	})

	t.Run("only our own pages open a socket", func(t *testing.T) {
		header := http.Header{"Authorization": {"Bearer " + tokenOf(t, w)}, "Origin": {"https://evil.example"}}
		_, resp, err := websocket.Dial(t.Context(), w.URL+"/api/v1/console/ws", &websocket.DialOptions{HTTPHeader: header})
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("a socket from another site: %v, want 403", err)
		}
	})

	t.Run("a frame that is too long ends the socket, not the shell", func(t *testing.T) {
		s := enter(t, w, w.Client, "shell-1")
		token := tokenOf(t, w)
		ticket, err := w.Client.As(token).AttachConsole(t.Context(), "default", s.Info.Console)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Authorization": {"Bearer " + token}}
		conn, _, err := websocket.Dial(t.Context(), w.URL+"/api/v1/console/ws", &websocket.DialOptions{HTTPHeader: header})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		conn.SetReadLimit(1 << 20)
		_ = conn.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"op":"hello","ticket":%q}`, ticket.Ticket))
		_ = conn.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
		for err == nil {
			_, _, err = conn.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("after a frame of 1 MiB: %v, want 1009", err)
		}
		hangUp(t, attach(t, w, w.Client, s.Info.Console, nil))
	})

	t.Run("what cannot be opened says why", func(t *testing.T) {
		_, err := w.Client.OpenConsole(t.Context(), "default", "plain-1")
		wantProblem(t, "an agent without --console", err, 409, "console_off")
		_, err = w.Client.OpenConsole(t.Context(), "default", "nowhere")
		wantProblem(t, "a host that is not there", err, 404, "host_not_found")
		_, err = w.Client.AttachConsole(t.Context(), "default", "00000000-0000-7000-8000-000000000000")
		wantProblem(t, "a console that never was", err, 404, "console_not_found")
	})

	t.Run("one has five at most", func(t *testing.T) {
		var mine []*hubtest.Shell
		for range 5 {
			mine = append(mine, enter(t, w, w.Client, "shell-1"))
		}
		ticket, err := w.Client.OpenConsole(t.Context(), "default", "shell-1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Shell(w.Client, ticket.Ticket, nil)
		wantProblem(t, "the sixth", err, 429, "too_many_consoles")
		for _, s := range mine {
			hangUp(t, s)
		}
	})

	t.Run("nobody rewrites the record", func(t *testing.T) {
		for _, statement := range []string{
			`delete from console_sessions`, `truncate console_sessions`, `update console_sessions set user_email = 'mallory'`,
			`update console_sessions set reason = 'idle'`, `update console_sessions set closed_at = null, reason = ''`,
		} {
			if err := try(t, w, statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v, want a refusal", statement, err)
			}
		}
	})

	t.Run("a host that is lost ends its consoles", func(t *testing.T) {
		s := enter(t, w, w.Client, "shell-1")
		if err := w.Client.RevokeHost(t.Context(), "default", "shell-1"); err != nil {
			t.Fatal(err)
		}
		if e := s.Hears("closed"); e.Reason != "host_lost" || e.Words == "" {
			t.Errorf("at the end: %+v, want host_lost", e)
		}
		if r := recorded(t, w, s.Info.Console); r.Reason != "host_lost" {
			t.Errorf("the record says %q", r.Reason)
		}
	})
}

func TestConsoleLimits(t *testing.T) {
	w := hubtest.NewHub(t, func(c *hub.Config) { c.ConsoleIdle, c.ConsoleMax = 8*time.Second, 20*time.Second })
	w.AddConsoleAgent("shell-1")
	s := enter(t, w, w.Client, "shell-1")
	if e := s.Hears("notice"); !strings.Contains(e.Notice, "unless you press a key") {
		t.Errorf("the warning is %q", e.Notice)
	}
	s.Type("echo aw''ake\n")
	s.Sees("\nawake\r\n")
	if e := s.Hears("notice"); !strings.Contains(e.Notice, "unless you press a key") {
		t.Errorf("the second warning is %q", e.Notice)
	}
	if e := s.Hears("closed"); e.Reason != "idle" || e.Code != nil {
		t.Errorf("at the end: %+v, want idle", e)
	}
	if r := recorded(t, w, s.Info.Console); r.Reason != "idle" {
		t.Errorf("the record says %q, want idle", r.Reason)
	}
	s = enter(t, w, w.Client, "shell-1")
	for warned := false; ; {
		e, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		warned = warned || strings.Contains(e.Notice, "as long as one may be")
		if e.Type == "closed" {
			if e.Reason != "too_long" || !warned {
				t.Errorf("at the end: %+v, warned %v; want too_long after a warning", e, warned)
			}
			return
		}
		if e.Type == "notice" {
			s.Type("\n") // not idle
		}
	}
}

// tokenOf is a token of the administrator.
func tokenOf(t *testing.T, w *hubtest.World) string {
	t.Helper()
	made, err := w.Client.Login(t.Context(), hubtest.Email, hubtest.Password, client.TokenRequest{Name: fmt.Sprint("t-", time.Now().UnixNano())})
	if err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// cutter is a wire to the hub that can be cut.
type cutter struct {
	url  string
	mu   sync.Mutex
	ends []net.Conn
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{url: "http://" + listener.Addr().String()}
	t.Cleanup(func() { _ = listener.Close(); c.cut() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", u.Host)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.ends = append(c.ends, near, far)
			c.mu.Unlock()
			go func() { _, _ = io.Copy(near, far) }()
			go func() { _, _ = io.Copy(far, near) }()
		}
	}()
	return c
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ends {
		_ = end.Close()
	}
	c.ends = nil
}
