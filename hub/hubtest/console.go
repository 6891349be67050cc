package hubtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/console"
	"github.com/cronium/cronium/sdk/client"
)

// Prompt is what shells of [World.AddConsoleAgent] say when they wait.
const Prompt = "ok> "

// AddConsoleAgent is [World.AddAgent] for a host on which shells can be opened: bash
// as the user of the test, with a home of its own.
func (w *World) AddConsoleAgent(name string) {
	w.t.Helper()
	account, err := console.LookUp("")
	if err != nil {
		w.t.Fatalf("look up the user of the test: %v", err)
	}
	account.Shell, account.Home = "/bin/bash", w.t.TempDir()
	profile := "PS1='" + Prompt + "'; bind 'set enable-bracketed-paste off'\n"
	if err := os.WriteFile(filepath.Join(account.Home, ".bash_profile"), []byte(profile), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.AddAgentWith(name, agent.Config{Console: true, Shells: console.Local{Account: account, AgentID: "hubtest"}})
	Eventually(w.t, 30*time.Second, name+" can be reached", func() error {
		_, err := w.Client.OpenConsole(w.t.Context(), "default", name)
		return err
	})
}

// Shell is somebody at a console.
type Shell struct {
	Conn *client.ConsoleConn
	Info client.ConsoleEvent // what was said first
	Got  []byte              // printed since then
	News []client.ConsoleEvent

	t testing.TB
}

const shellPatience = 60 * time.Second

// Shell takes the first word on a console; err is the hub's refusal.
func (w *World) Shell(c *client.Client, ticket string, offset *int64) (*Shell, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), shellPatience)
	defer cancel()
	conn, err := c.DialConsole(ctx, client.ConsoleHello{Ticket: ticket, Cols: 80, Rows: 24, Term: "dumb", Offset: offset})
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(conn.Close)
	s := &Shell{Conn: conn, t: w.t}
	s.Info, err = conn.Next(ctx)
	return s, err
}

// Type types.
func (s *Shell) Type(text string) {
	s.t.Helper()
	if err := s.Conn.Type(s.t.Context(), []byte(text)); err != nil {
		s.t.Fatalf("type %q: %v", text, err)
	}
}

// Next is the next event; what was printed is also in Got.
func (s *Shell) Next() (client.ConsoleEvent, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), shellPatience)
	defer cancel()
	e, err := s.Conn.Next(ctx)
	switch {
	case err != nil:
		return e, err
	case e.Type == "data":
		s.Got = append(s.Got, e.Data...)
	default:
		s.News = append(s.News, e)
	}
	return e, nil
}

// Sees waits until what was printed matches and returns the end of the match.
func (s *Shell) Sees(pattern string) int {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if m := re.FindIndex(s.Got); m != nil {
			return m[1]
		}
		if e, err := s.Next(); err != nil || e.Type == "closed" {
			s.t.Fatalf("the console ended (%+v, %v) after %q, want %s", e, err, tail(s.Got), pattern)
		}
	}
}

// Hears waits for an event of that type.
func (s *Shell) Hears(kind string) client.ConsoleEvent {
	s.t.Helper()
	for i, e := range s.News {
		if e.Type == kind {
			s.News = append(s.News[:i], s.News[i+1:]...)
			return e
		}
	}
	for {
		e, err := s.Next()
		if err != nil {
			s.t.Fatalf("the console ended (%v) after %q, want %s", err, tail(s.Got), kind)
		}
		if e.Type == kind {
			s.News = s.News[:len(s.News)-1]
			return e
		}
	}
}

// Ends reads until the connection ends and returns why.
func (s *Shell) Ends() error {
	s.t.Helper()
	for range 100_000 {
		if _, err := s.Next(); err != nil {
			return err
		}
	}
	return fmt.Errorf("the console does not end")
}

func tail(b []byte) []byte { return b[max(0, len(b)-300):] }
