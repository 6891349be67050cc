package dependency_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cronium/cronium/sdk/dependency"
)

func TestOnlyPackagesAreNamed(t *testing.T) {
	for language, cases := range map[string]map[string]string{
		"python": {
			"requests": "requests", "requests==2.32.3": "requests", "Zope.Interface >=5, <7": "zope-interface", "a": "a",
			"psycopg[binary,pool]>=3.1,<4": "psycopg", "numpy==1.26.*": "numpy", "torch==2.1.0+cpu": "torch",
			`tomli>=2; python_version < "3.11"`: "tomli", `x ; sys_platform == 'linux' and (python_version<"3.9")`: "x",
			"pip~=23.0": "pip", "a!=1!2.0": "a",
		},
		"node": {
			"left-pad": "left-pad", "left-pad@1.3.0": "left-pad", "@scope/name@^2.1.0": "@scope/name", "x@latest": "x",
			"x@>=1.2 <2 || 3.x": "x", "x@~1": "x", "lodash.get@4": "lodash.get",
		},
	} {
		for entry, want := range cases {
			if got, ok := dependency.Name(language, entry); !ok || got != want {
				t.Errorf("Name(%s, %q) = %q, %v; want %q", language, entry, got, ok, want)
			}
		}
	}
}

func TestOptionsPathsAndAddressesAreRefused(t *testing.T) {
	both := []string{"", " ", "-r other.txt", "--index-url=x", "-e .", ".", "..", "./x", "/etc/passwd", "../x", "~/x", "a b", "a\nb", "a\n--pre", "x\x00",
		"git+https://host/x", "https://host/x.whl", "file:x", "x.tar.gz", "x.whl", "a#b", "a --hash=sha256:00", "a$HOME", "a`b`", "ä", strings.Repeat("a", 201)}
	for language, more := range map[string][]string{
		"python": {"x @ https://host/x.whl", "x@1.0", "x==", "x=1", "x[", "x; a\nb", "x==1 --global-option=y", `x; \`, "x==1.tar.gz"},
		"node":   {"X", "x@", "x@file:y", "x@npm:y@1", "x@https://host/y.tgz", "x@git+ssh://host/y", "x@user/repo", "x@./y", "x@../y", "x@y.tgz", "x@1.0.tar", "@scope", "@scope/", "@a/b/c", "x==1.0", "x@ 1", "x@-1", "x@~/y"},
	} {
		for _, entry := range slices.Concat(both, more) {
			if name, ok := dependency.Name(language, entry); ok {
				t.Errorf("Name(%s, %q) = %q, want that it is refused", language, entry, name)
			}
		}
	}
}

func TestCheckSaysWhichEntryIsWrong(t *testing.T) {
	many := make([]string, dependency.Max+1)
	for i := range many {
		many[i] = fmt.Sprintf("a%d", i)
	}
	for name, c := range map[string]struct {
		language string
		entries  []string
		at       int
		words    string
	}{
		"option":         {"python", []string{"requests", "--pre"}, 1, `"--pre" names no package`},
		"twice":          {"python", []string{"Typing_Extensions==4.0", "x", "typing-extensions"}, 2, "the same package"},
		"other language": {"bash", []string{"jq"}, -1, "no packages for bash"},
		"too many":       {"node", many, -1, "at most 64"},
	} {
		_, at, err := dependency.Check(c.language, c.entries)
		if !errors.Is(err, dependency.ErrInvalid) || at != c.at || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: Check = %d, %v; want %d and %q", name, at, err, c.at, c.words)
		}
	}
	got, at, err := dependency.Check("python", []string{"requests==2.32.3", "attrs"})
	if want := []string{"attrs", "requests==2.32.3"}; err != nil || at != -1 || !slices.Equal(got, want) {
		t.Errorf("Check = %q, %d, %v; want %q", got, at, err, want)
	}
	if got, _, err := dependency.Check("bash", nil); got != nil || err != nil {
		t.Errorf("Check of none = %q, %v", got, err)
	}
}

func FuzzName(f *testing.F) {
	for _, seed := range []string{"requests==2.32.3", "@a/b@^1", "-x", "x@file:y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		for _, language := range dependency.Languages() {
			name, ok := dependency.Name(language, entry)
			if ok && (name == "" || entry[0] == '-' || entry[0] == '.' || entry[0] == '/' || strings.ContainsAny(entry, ":\\\n\x00#$")) {
				t.Errorf("Name(%s, %q) = %q", language, entry, name)
			}
		}
	})
}
