package login_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/sdk/cmd/cronium/internal/login"
)

var (
	home = login.Account{URL: "https://hub.example.com", Token: "cro_home", TokenID: "h", Email: "ana@example.com"}
	test = login.Account{URL: "http://127.0.0.1:8420", Token: "cro_test", TokenID: "t", Email: "ana@example.com"}
)

func write(t *testing.T, path string, b login.Book) {
	t.Helper()
	if err := login.Write(path, b); err != nil {
		t.Fatalf("Write = %v", err)
	}
}

func read(t *testing.T, path string) login.Book {
	t.Helper()
	b, err := login.Read(path)
	if err != nil {
		t.Fatalf("Read = %v", err)
	}
	return b
}

func TestEveryHubHasATokenOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cronium", "login.json")
	var b login.Book
	b.Put(home)
	b.Put(test)
	write(t, path, b)

	b = read(t, path)
	if b.Current != test.URL {
		t.Errorf("Current = %q, want the hub of the last login, %q", b.Current, test.URL)
	}
	for url, want := range map[string]login.Account{home.URL: home, test.URL: test, "https://hub.example.com.evil.test": {}, "": {}} {
		if got := b.At(url); got != want {
			t.Errorf("At(%q) = %+v, want %+v", url, got, want)
		}
	}
}

func TestASecondLoginReplacesTheFirst(t *testing.T) {
	var b login.Book
	b.Put(home)
	b.Put(test)
	again := home
	again.Token = "cro_again"
	b.Put(again)
	want := login.Book{Current: home.URL, Accounts: []login.Account{test, again}}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Fatalf("after a second login (-want +got):\n%s", diff)
	}
}

func TestAfterALogoutNoOtherHubIsMeant(t *testing.T) {
	var b login.Book
	b.Put(home)
	b.Put(test)
	b.Drop(test.URL)
	want := login.Book{Accounts: []login.Account{home}}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Fatalf("after a logout (-want +got):\n%s", diff)
	}
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cronium", "login.json")
	var b login.Book
	b.Put(home)
	write(t, path, b)
	mode(t, path, 0o600)
	mode(t, filepath.Dir(path), os.ModeDir|0o700)
	if login.Exposed(path) {
		t.Errorf("Exposed = true of a file with mode 0600")
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if !login.Exposed(path) {
		t.Errorf("Exposed = false of a file with mode 0644")
	}
	write(t, path, b)
	mode(t, path, 0o600)
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != want {
		t.Errorf("mode of %s is %v, want %v", path, got, want)
	}
}

func TestAnEmptyBookLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "login.json")
	write(t, path, login.Book{}) // there was none
	var b login.Book
	b.Put(home)
	write(t, path, b)
	b.Drop(home.URL)
	write(t, path, b)
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if diff := cmp.Diff(login.Book{}, read(t, path)); diff != "" {
		t.Errorf("Read of no file (-want +got):\n%s", diff)
	}
}

func TestAFileThatIsNotOursIsNotTakenForNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "login.json")
	if err := os.WriteFile(path, []byte(`{"accounts": `), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := login.Read(path); err == nil {
		t.Fatalf("Read of half a file = %+v, want an error", b)
	}
}

func TestThePathFollowsTheEnvironment(t *testing.T) {
	cases := []struct {
		xdg, home, want string
	}{
		{"/etc/x", "/root", "/etc/x/cronium/login.json"},
		{"", "/root", "/root/.config/cronium/login.json"},
		{"relative/x", "/root", "/root/.config/cronium/login.json"}, // the XDG rules ignore such a value
		{"", "", ""},
	}
	for _, c := range cases {
		got, err := login.Path(func(name string) string {
			return map[string]string{"XDG_CONFIG_HOME": c.xdg, "HOME": c.home}[name]
		})
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("Path with XDG_CONFIG_HOME=%q HOME=%q = %q, %v; want %q", c.xdg, c.home, got, err, c.want)
		}
	}
}
