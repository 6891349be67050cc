package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestEveryCommandHasTwoExamplesThatAreRight(t *testing.T) {
	parser := grammar(t, &bytes.Buffer{})
	for _, leaf := range parser.Model.Leaves(true) {
		t.Run(leaf.Path(), func(t *testing.T) {
			_, text, _ := strings.Cut(leaf.Detail, "Examples:")
			shown := regexp.MustCompile(`(?m)^    .*$`).FindAllString(text, -1)
			if len(shown) < 2 {
				t.Errorf("the help has %d examples, want at least 2", len(shown))
			}
			for _, line := range shown {
				example, _, _ := strings.Cut(strings.TrimSpace(line), "   # ")
				calls := typed(example)
				if len(calls) == 0 {
					t.Errorf("the example %q does not call cronium", example)
				}
				for _, args := range calls {
					if _, err := grammar(t, &bytes.Buffer{}).Parse(args); err != nil && args[0] != "--version" {
						t.Errorf("the example %q is wrong: %v", example, err)
					}
				}
			}
		})
	}
}

// typed finds the calls of cronium in a line of shell, also those in $(…) and
// after a pipe.
func typed(line string) [][]string {
	var calls [][]string
	for _, found := range regexp.MustCompile(`(?:^|[|(] ?|^[A-Z_]+=\S+ )cronium\b([^|()<>]*)`).FindAllStringSubmatch(line, -1) {
		var args []string
		for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(found[1], -1) {
			args = append(args, strings.Trim(word, "'"))
		}
		calls = append(calls, args)
	}
	return calls
}

func TestHelpShowsTheExamplesFirst(t *testing.T) {
	for _, leaf := range grammar(t, &bytes.Buffer{}).Model.Leaves(true) {
		var out bytes.Buffer
		_, _ = grammar(t, &out).Parse(append(strings.Fields(commandPath(leaf)), "--help"))
		examples, flags := strings.Index(out.String(), "Examples:"), strings.Index(out.String(), "Flags:")
		if examples < 0 || flags < examples {
			t.Errorf("cronium %s --help does not show examples before flags:\n%s", commandPath(leaf), out.String())
		}
	}
}

func grammar(t *testing.T, out *bytes.Buffer) *kong.Kong {
	t.Helper()
	parser, err := newParser(&cli{}, out, func(int) {})
	if err != nil {
		t.Fatalf("newParser = %v", err)
	}
	return parser
}
