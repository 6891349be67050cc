package screen_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

// show returns what a screen leaves on standard output and error together.
func show(t *testing.T, env map[string]string, write func(*screen.Screen)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "both")
	both, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = both.Close() }()
	s := screen.New(both, both, func(name string) string { return env[name] }, env["quiet"] != "")
	write(s)
	if err := s.Flush(); err != nil {
		t.Fatalf("Flush = %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func plain(width string) map[string]string {
	return map[string]string{"CRONIUM_FORCE_TTY": width, "NO_COLOR": "1"}
}

func TestTheMiddleIsLeftOut(t *testing.T) {
	cases := []struct {
		text  string
		width int
		want  string
	}{
		{"disk-report", 11, "disk-report"},
		{"disk-report", 10, "disk-…port"},
		{"disk-report", 9, "disk…port"},
		{"disk-report", 3, "d…t"},
		{"disk-report", 2, "di"},
		{"disk-report", 0, ""},
		{"disk-report", -1, ""},
		{"日本語の長い名前", 16, "日本語の長い名前"},
		{"日本語の長い名前", 9, "日本…名前"},
		{"日本語の長い名前", 8, "日本…前"}, // half of a wide character is no character
		{"é́é́é́", 3, "é́é́é́"}, // combining marks take no room
		{"👍👍👍👍", 5, "👍…👍"},
	}
	for _, c := range cases {
		if got := screen.Middle(c.text, c.width); got != c.want {
			t.Errorf("Middle(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestShortenedTextAlwaysFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, width := rapid.String().Draw(t, "text"), rapid.IntRange(0, 40).Draw(t, "width")
		got := screen.Middle(text, width)
		if screen.Columns(got) > width {
			t.Fatalf("Middle(%q, %d) = %q takes %d columns", text, width, got, screen.Columns(got))
		}
		if screen.Columns(text) <= width && got != text {
			t.Fatalf("Middle(%q, %d) = %q, but it fits", text, width, got)
		}
	})
}

var (
	columns = []screen.Column{{Title: "name", Flex: true}, {Title: "state"}, {Title: "took", Right: true}, {Title: "labels", Flex: true}}
	rows    = [][]screen.Cell{
		{{Text: "backup-of-the-customer-database"}, {Text: "✓ succeeded", Style: screen.Good}, {Text: "1.2 s"}, {Text: "team=ops", Style: screen.Dim}},
		{{Text: "日本語"}, {Text: "✗ failed", Style: screen.Bad}, {Text: "12 s"}, {}},
	}
)

func TestATableFitsTheTerminal(t *testing.T) {
	cases := []struct{ name, width, want string }{
		{"wide enough", "80", `
NAME                             STATE         TOOK  LABELS
backup-of-the-customer-database  ✓ succeeded  1.2 s  team=ops
日本語                           ✗ failed      12 s
`},
		{"names give way", "50", `
NAME                  STATE         TOOK  LABELS
backup-of-…-database  ✓ succeeded  1.2 s  team=ops
日本語                ✗ failed      12 s
`},
		{"but not below eight columns", "20", `
NAME      STATE         TOOK  LABELS
back…ase  ✓ succeeded  1.2 s  team=ops
日本語    ✗ failed      12 s
`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := show(t, plain(c.width), func(s *screen.Screen) { s.Table(columns, rows, false) })
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWideTableShortensNothing(t *testing.T) {
	got := show(t, plain("20"), func(s *screen.Screen) { s.Table(columns, rows, true) })
	if !strings.Contains(got, "backup-of-the-customer-database  ✓ succeeded") {
		t.Errorf("a wide table is\n%s", got)
	}
}

func TestInAPipeATableIsValuesAndTabs(t *testing.T) {
	got := show(t, nil, func(s *screen.Screen) { s.Table(columns, rows, false) })
	want := "backup-of-the-customer-database\t✓ succeeded\t1.2 s\tteam=ops\n日本語\t✗ failed\t12 s\t\n"
	if got != want {
		t.Errorf("Table = %q, want %q", got, want)
	}
}

func TestColoursFollowTheEnvironment(t *testing.T) {
	cases := []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"a terminal", map[string]string{"CRONIUM_FORCE_TTY": "80"}, true},
		{"a pipe", nil, false},
		{"NO_COLOR", map[string]string{"CRONIUM_FORCE_TTY": "80", "NO_COLOR": "1"}, false},
		{"a dumb terminal", map[string]string{"CRONIUM_FORCE_TTY": "80", "TERM": "dumb"}, false},
		{"forced in a pipe", map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"not forced", map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"NO_COLOR wins over force", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := show(t, c.env, func(s *screen.Screen) { s.Printf("%s", s.Paint(screen.Bad, "failed")) })
			if coloured := got == "\x1b[31mfailed\x1b[0m"; coloured != c.want || !strings.Contains(got, "failed") {
				t.Errorf("Paint wrote %q, want colours = %v", got, c.want)
			}
		})
	}
}

func TestTalkBeginsOnALineOfItsOwnOnATerminal(t *testing.T) {
	cases := []struct {
		name  string
		write func(*screen.Screen)
		want  string
	}{
		{"after a whole line", func(s *screen.Screen) { s.Printf("line\n"); s.Say("done") }, "line\ndone\n"},
		{"after half a line", func(s *screen.Screen) { s.Printf("half"); s.Say("done") }, "half\ndone\n"},
		{"after colours were restored", func(s *screen.Screen) { s.Printf("line\n"); s.Restore(); s.Say("done") }, "line\n\x1b[0mdone\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := show(t, map[string]string{"CRONIUM_FORCE_TTY": "80"}, c.write); got != c.want {
				t.Errorf("the terminal shows %q, want %q", got, c.want)
			}
		})
	}
}

func TestQuietSaysOnlyWhatIsWrong(t *testing.T) {
	got := show(t, map[string]string{"quiet": "1"}, func(s *screen.Screen) {
		s.Say("Signed in.")
		s.Status("waiting")
		s.Complain("error: no")
	})
	if want := "error: no\n"; got != want {
		t.Errorf("a quiet screen shows %q, want %q", got, want)
	}
}
