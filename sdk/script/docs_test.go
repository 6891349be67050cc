package script_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a code block of the page, with what it prints if the page says so.
var fence = regexp.MustCompile("(?s)```(python|js|bash)\n(.*?)```(?:\n+prints\n+```text\n(.*?)```)?")

// Every example of the page for authors runs, and prints what the page says.
func TestTheExamplesOfThePageRun(t *testing.T) {
	page, err := os.ReadFile("../../docs/scripts.md")
	if err != nil {
		t.Fatal(err)
	}
	found := fence.FindAllStringSubmatch(string(page), -1)
	if marks := strings.Count(string(page), "\n```"); len(found) == 0 || marks != 2*(len(found)+strings.Count(string(page), "\n```text")) {
		t.Fatalf("%d examples, but %d marks of code: one is of a language that this test does not run", len(found), marks)
	}
	count := map[string]int{}
	for _, f := range found {
		language, source, want := f[1], f[2], f[3]
		count[language]++
		m := newMemory(t)
		m.inputs["path"], m.inputs["limit"] = "/tmp", 3
		m.secrets["API_TOKEN"] = "s3cret-token"
		m.variables["cursor"] = "2026-01-15"
		h := newHost(t, m.answer)
		if language == "js" && strings.Contains(source, "await ") {
			language = "esm"
		}
		h.prints(language, source, want)
		if len(m.seen) == 0 {
			t.Errorf("an example makes no call:\n%s", source)
		}
	}
	for _, language := range []string{"python", "js", "bash"} {
		if count[language] < 3 {
			t.Errorf("%d examples in %s", count[language], language)
		}
	}
}

// The table of the page has every call of every language.
func TestTheTableOfThePageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/scripts.md")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, newMemory(t).answer)
	for language, source := range map[string]string{
		"python": "print(*('cronium.' + n for n in dir(cronium)), sep='\\n')",
		"js":     "console.log(Object.keys(cronium).map((n) => 'cronium.' + n).join('\\n'))",
		"bash":   "cronium --help | grep -o '^  cronium [a-z-]*' | sed 's/^  //'",
	} {
		got := h.run(language, source)
		if got.code != 0 || strings.Count(got.out, "\n") < 14 {
			t.Fatalf("%+v", got)
		}
		for name := range strings.Lines(got.out) {
			if name = strings.TrimSpace(name); !strings.Contains(string(page), "`"+name) {
				t.Errorf("the page does not know `%s`", name)
			}
		}
	}
}

// Every example in shell of the page for everybody else runs too.
func TestTheExamplesOfTheAPIPageRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runtime-api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(found) != 2 {
		t.Fatalf("%d examples", len(found))
	}
	m := newMemory(t)
	m.secrets["DB_PASSWORD"] = "s3cret"
	h := newHost(t, m.answer)
	if err := os.WriteFile(filepath.Join(h.dir, "report.pdf"), []byte("%PDF of some bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	delete(h.env, "BASH_ENV")
	for _, f := range found {
		if got := h.run("bash", "set -eu\n"+f[1]); got.code != 0 || got.err != "" {
			t.Errorf("%s\nended with %d: %s", f[1], got.code, got.err)
		}
	}
	if string(m.artifacts["report.pdf"]) != "%PDF of some bytes" {
		t.Errorf("the artifacts are %q", m.artifacts)
	}
	if copied, err := os.ReadFile(filepath.Join(h.dir, "copy.pdf")); err != nil || string(copied) != "%PDF of some bytes" {
		t.Errorf("the copy is %q, %v", copied, err)
	}
}

// The two pages lead to one another, and the one has every call that the other needs.
func TestThePagesKnowEachOther(t *testing.T) {
	t.Parallel()
	for page, other := range map[string]string{"scripts.md": "](runtime-api.md)", "runtime-api.md": "](scripts.md)"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), other) {
			t.Errorf("%s has no %s", page, other)
		}
		if page != "runtime-api.md" {
			continue
		}
		for _, e := range readGolden(t) {
			if call := "| `" + readRequest(t, []byte(e.request)).Call + "` |"; !strings.Contains(string(text), call) {
				t.Errorf("%s does not have %s", page, call)
			}
		}
	}
}
