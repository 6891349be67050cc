package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// examples are commands with a remark, or "" for none; kong shows them under the
// usage of a command.
func examples(pairs ...string) string {
	var b strings.Builder
	b.WriteString("Examples:\n\n")
	for i := 0; i+1 < len(pairs); i += 2 {
		remark := ""
		if pairs[i+1] != "" {
			remark = "   # " + pairs[i+1]
		}
		fmt.Fprintf(&b, "    %s%s\n", pairs[i], remark)
	}
	return b.String()
}

const exitCodes = `
Exit codes:
  0    done; with run -w: the run succeeded
  1    failed; with run -w: the run failed, timed out or was lost
  2    wrong usage; with apply --detailed-exitcode: changes pending
  3    not found
  4    not signed in, or not allowed
  5    the hub cannot be reached
  6    conflict: changed by somebody else, or already finished
  7    partial: some succeeded, some did not
  8    the run was cancelled
  124  --timeout came before the end of the run
  130  interrupted

Environment: CRONIUM_URL, CRONIUM_TOKEN, CRONIUM_PROJECT, NO_COLOR.
`

// printHelp is kong's help; the top one also has the exit codes.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() == nil {
		fmt.Fprint(ctx.Stdout, exitCodes)
	}
	return nil
}

// commandPath is a command as it is typed.
func commandPath(n *kong.Node) string {
	path := n.Name
	for p := n.Parent; p != nil && p.Type != kong.ApplicationNode; p = p.Parent {
		path = p.Name + " " + path
	}
	return path
}
