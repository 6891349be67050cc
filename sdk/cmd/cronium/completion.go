package main

import (
	"context"
	"embed"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

//go:embed completions
var completions embed.FS

// patience is how long a shell may wait for names from the hub.
const patience = 140 * time.Millisecond

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return examples(`source <(cronium completion bash)`, "in ~/.bashrc", `cronium completion fish > ~/.config/fish/completions/cronium.fish`, "")
}

func (c *completionCmd) Run(a *app) error {
	script, err := completions.ReadFile("completions/cronium." + c.Shell)
	if err != nil {
		return err
	}
	_, err = a.Write(script)
	return err
}

// completeCmd is what the scripts call: the words before the cursor, the last of
// them unfinished. It prints one candidate per line, and on any trouble nothing.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

func (c *completeCmd) Run(a *app) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	current, before := words[len(words)-1], ""
	at := walk(a.model.Node, words[:len(words)-1])
	switch name, value, given := strings.Cut(current, "="); {
	case at.flag != nil && current == "=":
		current = "" // bash makes the sign a word of its own
	case at.flag == nil && !at.ended && given && strings.HasPrefix(name, "--"):
		if at.take(name); at.flag == nil {
			return nil
		}
		current, before = value, name+"="
	}
	for _, candidate := range at.candidates(a, current) {
		if strings.HasPrefix(candidate, current) && candidate == screen.Name(candidate) {
			a.Printf("%s%s\n", before, candidate)
		}
	}
	return nil
}

// place is where the cursor is in the grammar.
type place struct {
	node       *kong.Node
	flag       *kong.Flag // whose value is being typed
	positional int
	project    string
	ended      bool // after --
}

func walk(root *kong.Node, words []string) place {
	p := place{node: root}
	for _, w := range words {
		switch {
		case p.flag != nil && w == "=": // from bash; the value comes next
		case p.flag != nil:
			if p.flag.Name == "project" {
				p.project = w
			}
			p.flag = nil
		case !p.ended && w == "--":
			p.ended = true
		case !p.ended && strings.HasPrefix(w, "-") && w != "-":
			p.take(w)
		default:
			if child := childNamed(p.node, w); child != nil && p.positional == 0 && !p.ended {
				p.node = child
				continue
			}
			if p.positional == 0 && p.node.DefaultCmd != nil {
				p.node = p.node.DefaultCmd
			}
			p.positional++
		}
	}
	return p
}

// take reads a flag; one that wants a value and has none makes the next word it.
func (p *place) take(word string) {
	name, value, given := strings.Cut(word, "=")
	for _, f := range p.flags() {
		if "--"+f.Name != name && (f.Short == 0 || "-"+string(f.Short) != name) {
			continue
		}
		switch {
		case given && f.Name == "project":
			p.project = value
		case !given && !f.IsBool():
			p.flag = f
		}
		return
	}
}

func childNamed(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name && !c.Hidden {
			return c
		}
	}
	return nil
}

// flags are those that the place knows, also those of a default command.
func (p *place) flags() []*kong.Flag {
	node := p.node
	if node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	var all []*kong.Flag
	for _, group := range node.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

func (p *place) candidates(a *app, current string) []string {
	if p.project != "" {
		a.Project = p.project
	}
	switch {
	case p.flag != nil:
		return values(a, p.flag.Value, current)
	case strings.HasPrefix(current, "-") && !p.ended:
		var names []string
		for _, f := range p.flags() {
			names = append(names, "--"+f.Name)
		}
		slices.Sort(names)
		return names
	}
	var words []string
	if p.positional == 0 {
		for _, c := range p.node.Children {
			if !c.Hidden {
				words = append(words, c.Name)
			}
		}
	}
	if len(words) > 0 || len(p.node.Positional) == 0 {
		return words
	}
	// The last positional takes all the rest.
	return values(a, p.node.Positional[min(p.positional, len(p.node.Positional)-1)], current)
}

// values are what a flag or an argument can be.
func values(a *app, v *kong.Value, current string) []string {
	if v.Enum != "" {
		return slices.DeleteFunc(v.EnumSlice(), func(s string) bool { return s == "" })
	}
	kind := v.Tag.Get("predict")
	if kind == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	a.ctx = ctx
	if _, err := a.client(); err != nil {
		return nil
	}
	var found []string
	if kind == "run" || (kind == "runjob" && strings.HasPrefix(current, "r_")) {
		return a.runNames()
	}
	switch kind {
	case "job", "runjob":
		found = a.jobNames(current)
	case "console":
		page, _ := a.hub.Consoles(ctx, a.Project, true, client.Paging{Limit: 200})
		for _, c := range page.Items {
			found = append(found, c.ID)
		}
	case "host":
		page, _ := a.hub.Hosts(ctx, a.Project) // a shell shows no errors
		for _, h := range page.Items {
			found = append(found, h.Name)
		}
	case "server":
		found, _ = a.serverNames() // a shell shows no errors
	case "variable":
		found, _ = a.variableNames()
	case "secret":
		found, _ = a.secretNames()
	case "schedule":
		page, _ := a.hub.Schedules(ctx, a.Project, "", client.Paging{Limit: 200})
		for _, s := range page.Items {
			found = append(found, s.Job+"/"+s.Name)
		}
	case "project":
		me, _ := a.hub.Me(ctx)
		for _, p := range me.Projects {
			found = append(found, p.Slug)
		}
	}
	return found
}

func (a *app) jobNames(current string) []string {
	page, _ := a.hub.Jobs(a.ctx, a.Project, client.JobFilter{Text: current}, client.Paging{Limit: 200})
	var names []string
	for _, j := range page.Items {
		names = append(names, j.Name)
	}
	return names
}

func (a *app) runNames() []string {
	page, _ := a.hub.Runs(a.ctx, a.Project, client.RunFilter{}, client.Paging{Limit: 50})
	var ids []string
	for _, r := range page.Items {
		ids = append(ids, r.ID)
	}
	return ids
}
