package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/login"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

type loginCmd struct {
	URL           string        `arg:"" optional:"" help:"Address of the hub; the default is the one before, or http://127.0.0.1:8420."`
	Email         string        `placeholder:"E" help:"Your e-mail address."`
	PasswordStdin bool          `help:"Read the password from standard input."`
	TokenStdin    bool          `help:"Read an API token from standard input instead."`
	ExpiresIn     time.Duration `default:"2160h" placeholder:"D" help:"How long this machine's token is good for (90 days)."`
}

func (loginCmd) Help() string {
	return examples(
		"cronium login https://cronium.example.com --email you@example.com", "asks for the password",
		"pass show cronium | cronium login 127.0.0.1:8420 --email you@example.com --password-stdin", "",
		"cronium login https://cronium.example.com", "goes back to a hub that you are signed in to, without a question")
}

func (l *loginCmd) Run(a *app) error {
	if err := a.readBook(); err != nil {
		return err
	}
	address := cmp.Or(l.URL, a.env("CRONIUM_URL"), a.book.Current, "http://127.0.0.1:8420")
	hub, err := a.connect(address, "")
	if err != nil {
		return err
	}
	a.hub = hub
	if u, err := client.ParseURL(hub.URL()); err == nil && u.Scheme == "http" && !client.Loopback(u.Hostname()) {
		a.Say("warning: %s is not encrypted; everybody on the way can read the password", hub.URL())
	}
	before := a.book.At(hub.URL())
	account, err := l.account(a, before)
	if err != nil {
		return err
	}
	a.book.Put(account)
	if err := login.Write(a.file, a.book); err != nil {
		return err
	}
	if before.TokenID != "" && before.Token != account.Token {
		_ = hub.As(before.Token).RevokeToken(a.ctx, before.TokenID) // it expires by itself
	}
	a.Say("Signed in to %s as %s. The token is in %s.", account.URL, screen.Name(account.Email), a.file)
	if a.env("CRONIUM_TOKEN") != "" {
		a.Say("warning: CRONIUM_TOKEN is set and wins over it")
	}
	return nil
}

// account is who signs in: by the token of before when nothing else is said and
// it is still good.
func (l *loginCmd) account(a *app, before login.Account) (login.Account, error) {
	switch {
	case l.TokenStdin:
		return l.byToken(a)
	case before.Token != "" && l.Email == "" && !l.PasswordStdin:
		me, err := a.hub.As(before.Token).Me(a.ctx)
		if p, refused := problem.As(err); !refused || p.Status != http.StatusUnauthorized {
			before.Email = me.Email
			return before, err
		}
	}
	return l.byPassword(a)
}

func (l *loginCmd) byPassword(a *app) (login.Account, error) {
	email, password, err := l.credentials(a)
	if err != nil {
		return login.Account{}, err
	}
	made, err := a.hub.Login(a.ctx, email, password, client.TokenRequest{Name: machine(), ExpiresIn: l.ExpiresIn.String()})
	if err != nil {
		if setup, asked := a.hub.Setup(a.ctx); asked == nil && setup.Needed {
			return login.Account{}, &hinted{err, "This hub has no administrator yet: open " + a.hub.URL() + " and enter the setup code that it printed at its first start."}
		}
		return login.Account{}, err
	}
	return login.Account{URL: a.hub.URL(), Token: made.Token, TokenID: made.ID, Email: email}, nil
}

// machine names this login among the user's tokens. Names are unique; the
// letters at the end keep apart logins on machines of one name, and on one machine
// whose file was lost.
func machine() string {
	host, err := os.Hostname()
	if err != nil {
		host = "a machine"
	}
	return "cronium CLI on " + host + " (" + strings.ToLower(rand.Text()[:6]) + ")"
}

func (l *loginCmd) byToken(a *app) (login.Account, error) {
	token, err := readSecret(os.Stdin)
	if err != nil {
		return login.Account{}, err
	}
	me, err := a.hub.As(token).Me(a.ctx)
	if err != nil {
		return login.Account{}, err
	}
	return login.Account{URL: a.hub.URL(), Token: token, Email: me.Email}, nil
}

// credentials come from flags and standard input, or from questions on a terminal.
func (l *loginCmd) credentials(a *app) (email, password string, err error) {
	ask := term.IsTerminal(int(os.Stdin.Fd()))
	email = l.Email
	if email == "" {
		if !ask || l.PasswordStdin {
			return "", "", usage("Add --email.", "--email is missing")
		}
		fmt.Fprint(os.Stderr, "E-mail: ")
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return "", "", fmt.Errorf("read the e-mail address: %w", err)
		}
		email = strings.TrimSpace(line)
	}
	if l.PasswordStdin {
		password, err = readSecret(os.Stdin)
		return email, password, err
	}
	if !ask {
		return "", "", usage("Pipe the password in and add --password-stdin.", "--password-stdin is missing")
	}
	password, err = askHidden(a.ctx, "Password: ")
	return email, password, err
}

// askHidden reads a line from the terminal without showing it, and leaves the
// terminal as it was also when it is interrupted.
func askHidden(ctx context.Context, question string) (string, error) {
	fd := int(os.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the terminal: %w", err)
	}
	fmt.Fprint(os.Stderr, question)
	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the process when it is interrupted
		text, err := term.ReadPassword(fd)
		answered <- answer{text, err}
	}()
	defer fmt.Fprintln(os.Stderr)
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		return "", context.Cause(ctx)
	case got := <-answered:
		if got.err != nil {
			return "", fmt.Errorf("read the password: %w", got.err)
		}
		return string(got.text), nil
	}
}

// readSecret reads a secret whole, without the line end that echo adds.
func readSecret(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", usage("Pipe it in, without quotes.", "standard input is empty")
	}
	return secret, nil
}

type logoutCmd struct{}

func (logoutCmd) Help() string {
	return examples("cronium logout", "", "CRONIUM_URL=https://cronium.example.com cronium logout", "of another hub than the current one")
}

func (logoutCmd) Run(a *app) error {
	if err := a.readBook(); err != nil {
		return err
	}
	account := a.kept(cmp.Or(a.env("CRONIUM_URL"), a.book.Current))
	if account.Token == "" {
		a.Say("You were not signed in.")
		return nil
	}
	hub, err := a.connect(account.URL, account.Token)
	if err == nil && account.TokenID != "" {
		err = hub.RevokeToken(a.ctx, account.TokenID)
	}
	a.book.Drop(account.URL)
	if forgot := login.Write(a.file, a.book); forgot != nil {
		return forgot
	}
	if p, ok := problem.As(err); ok && p.Status == http.StatusUnauthorized {
		err = nil // it was no good any more
	}
	if err != nil {
		a.Say("warning: the token is forgotten here but the hub did not revoke it (%s); it expires by itself", screen.Name(firstLine(err)))
	}
	a.Say("Signed out of %s.", account.URL)
	for _, other := range a.book.Accounts {
		a.Say("You are still signed in to %s.", other.URL)
	}
	return nil
}

func firstLine(err error) string {
	text, _ := words(err)
	return text
}

type whoamiCmd struct{}

func (whoamiCmd) Help() string {
	return examples("cronium whoami", "", "cronium whoami --json | jq -r .hub.version", "")
}

func (whoamiCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	me, err := hub.Me(a.ctx)
	if err != nil {
		return err
	}
	return one(a, me, me.Email, func() {
		roles := make([]string, len(me.Projects))
		for i, p := range me.Projects {
			roles[i] = screen.Name(p.Slug + " (" + p.Role + ")")
		}
		admin := ""
		if me.Admin {
			admin = "of the hub"
		}
		a.fields("email", screen.Name(me.Email), "name", screen.Name(me.Name), "administrator", admin,
			"projects", strings.Join(roles, ", "), "hub", hub.URL(), "hub version", screen.Name(me.Hub.Version))
	})
}

type versionCmd struct{}

func (versionCmd) Help() string {
	return examples("cronium version", "", "cronium --version", "only this program's, without asking the hub")
}

func (versionCmd) Run(a *app) error {
	hub, err := a.client()
	var me client.Me
	if err == nil {
		me, err = hub.Me(a.ctx)
	}
	if errors.Is(err, errInterrupted) {
		return err
	}
	versions := struct {
		Client string `json:"client"`
		Hub    string `json:"hub,omitempty"`
	}{version, me.Hub.Version}
	return one(a, versions, version, func() {
		a.fields("cronium", version, "hub", screen.Name(cmp.Or(me.Hub.Version, "unknown: not signed in, or not reachable")))
	})
}

type tokensCmd struct {
	Ls     tokensLsCmd     `cmd:"" default:"withargs" help:"List your API tokens."`
	Create tokensCreateCmd `cmd:"" help:"Make an API token; it is printed once."`
	Revoke tokensRevokeCmd `cmd:"" help:"Revoke an API token at once."`
}

type tokensLsCmd struct{}

func (tokensLsCmd) Help() string {
	return examples("cronium tokens", "", "cronium tokens ls --json", "")
}

func (tokensLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := hub.Tokens(a.ctx)
	if err != nil {
		return err
	}
	return list(a, page, view[client.Token]{
		name:    func(t client.Token) string { return t.ID },
		columns: []column{{Title: "id"}, {Title: "name", Flex: true}, {Title: "created"}, {Title: "used"}, {Title: "expires"}},
		row: func(t client.Token) []cell {
			return []cell{text(t.ID), text(t.Name), a.when(&t.CreatedAt), a.when(t.LastUsedAt), a.when(&t.ExpiresAt)}
		},
		none: "You have no API tokens.",
	})
}

type tokensCreateCmd struct {
	Name          string        `arg:"" help:"What it is for."`
	ExpiresIn     time.Duration `placeholder:"D" help:"How long it is good for, like 720h; the hub's default is 90 days."`
	PasswordStdin bool          `help:"Read your password from standard input."`
}

func (tokensCreateCmd) Help() string {
	return examples("cronium tokens create ci --expires-in 720h", "asks for your password: a token cannot create tokens",
		"export CRONIUM_TOKEN=$(cronium tokens create laptop)", "standard output is the token and nothing else")
}

func (t *tokensCreateCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	me, err := hub.Me(a.ctx)
	if err != nil {
		return err
	}
	_, password, err := (&loginCmd{Email: me.Email, PasswordStdin: t.PasswordStdin}).credentials(a)
	if err != nil {
		return err
	}
	want := client.TokenRequest{Name: t.Name}
	if t.ExpiresIn > 0 {
		want.ExpiresIn = t.ExpiresIn.String()
	}
	made, err := hub.Login(a.ctx, me.Email, password, want)
	if err != nil {
		return err
	}
	return one(a, made, made.ID, func() {
		a.Printf("%s\n", screen.Name(made.Token))
		a.Say("This is the only time that it is shown. Id %s, expires %s.", screen.Name(made.ID), made.ExpiresAt.In(a.zone).Format("2 Jan 2006 15:04 MST"))
	})
}

type tokensRevokeCmd struct {
	ID  string `arg:"" help:"Id of the token, as cronium tokens lists it."`
	Yes bool   `help:"Do not ask."`
}

func (tokensRevokeCmd) Help() string {
	return examples("cronium tokens revoke 7Hq2mXa1", "", "cronium tokens revoke 7Hq2mXa1 --yes", "")
}

func (t *tokensRevokeCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(t.Yes, "Revoke token %s: programs that use it are refused at once.", t.ID); err != nil {
		return err
	}
	if err := hub.RevokeToken(a.ctx, t.ID); err != nil {
		return err
	}
	a.Say("Token %s is revoked.", screen.Name(t.ID))
	return nil
}

// confirm asks before something that cannot be undone. Without a terminal the flag
// must say it.
func (a *app) confirm(yes bool, what string, args ...any) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage("Add --yes to do it without a question.", "--yes is missing")
	}
	fmt.Fprintf(os.Stderr, "%s\nType y to go on: ", screen.Name(fmt.Sprintf(what, args...)))
	answered := make(chan string, 1)
	go func() { // ends with the process when it is interrupted
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answered <- strings.TrimSpace(line)
	}()
	select {
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	case answer := <-answered:
		if answer != "y" && answer != "yes" {
			a.Say("Nothing was done.")
			return &exitError{exitFailed}
		}
		return nil
	}
}
