package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type (
	cell   = screen.Cell
	column = screen.Column
)

// view is how one kind of thing is shown as a list.
type view[T any] struct {
	name    func(T) string
	columns []column
	row     func(T) []cell
	none    string // said on a terminal when there is nothing
}

// list writes a list in the format that the user asked for.
func list[T any](a *app, page client.Page[T], v view[T]) error {
	switch a.Output {
	case "json":
		return a.writeJSON(page)
	case "jsonl":
		for _, item := range page.Items {
			if err := a.writeLine(item); err != nil {
				return err
			}
		}
	case "name":
		for _, item := range page.Items {
			a.Printf("%s\n", screen.Name(v.name(item)))
		}
	default:
		if len(page.Items) == 0 {
			a.Say("%s", v.none)
			return nil
		}
		rows := make([][]cell, len(page.Items))
		for i, item := range page.Items {
			rows[i] = v.row(item)
		}
		a.Table(a.timed(v.columns), rows, a.Wide)
	}
	return nil
}

// one writes a single thing; show is its form for people.
func one[T any](a *app, item T, name string, show func()) error {
	switch a.Output {
	case "json":
		return a.writeJSON(item)
	case "jsonl":
		return a.writeLine(item)
	case "name":
		a.Printf("%s\n", screen.Name(name))
	default:
		show()
	}
	return nil
}

func (a *app) writeJSON(v any) error {
	enc := json.NewEncoder(a)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (a *app) writeLine(v any) error {
	enc := json.NewEncoder(a)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// collect takes up to limit items of a list; 0 takes all. The cursor of what is
// left is not kept: it would belong to another page size.
func collect[T any](limit int, ask func(client.Paging) (client.Page[T], error)) (client.Page[T], error) {
	if limit > 0 && limit <= 200 {
		return ask(client.Paging{Limit: limit})
	}
	all := client.Page[T]{Items: []T{}}
	for item, err := range client.All(ask) {
		if err != nil {
			return all, err
		}
		if all.Items = append(all.Items, item); len(all.Items) == limit {
			break
		}
	}
	return all, nil
}

// fields writes names and values, one pair per line.
func (a *app) fields(pairs ...string) {
	width := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			width = max(width, len(pairs[i]))
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		switch {
		case pairs[i+1] == "":
		case a.Terminal:
			a.Printf("%s  %s\n", a.Paint(screen.Dim, fmt.Sprintf("%-*s", width, pairs[i])), pairs[i+1])
		default:
			a.Printf("%s\t%s\n", pairs[i], pairs[i+1])
		}
	}
}

// text is a clean cell.
func text(s string) cell { return cell{Text: screen.Name(s)} }

// exactly is text that programs read; on a terminal it cannot do harm.
func (a *app) exactly(text string) string {
	if a.Terminal {
		return screen.Name(text)
	}
	return text
}

func number(n int) cell { return cell{Text: strconv.Itoa(n)} }

// labels are name=value, sorted.
func labels(m map[string]string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, screen.Name(k+"="+m[k]))
	}
	return strings.Join(parts, ",")
}

// timed marks the zone in the titles of times, when they are absolute.
func (a *app) timed(columns []column) []column {
	if !a.Abs || !a.Terminal {
		return columns
	}
	named := slices.Clone(columns)
	for i, c := range named {
		if timeTitles[c.Title] {
			named[i].Title += " (" + a.zone.String() + ")"
		}
	}
	return named
}

var timeTitles = map[string]bool{
	"updated": true, "created": true, "started": true, "finished": true, "next": true,
	"seen": true, "expires": true, "used": true, "planned": true, "decided": true,
}

// when is a time in a list.
func (a *app) when(t *time.Time) cell {
	if t == nil || t.IsZero() {
		return cell{Text: "-", Style: screen.Dim}
	}
	return cell{Text: a.moment(*t)}
}

// moment is a time: relative within a day on a terminal, else absolute; in a pipe
// always RFC 3339 in UTC.
func (a *app) moment(t time.Time) string {
	if !a.Terminal {
		return t.UTC().Format(time.RFC3339)
	}
	local := t.In(a.zone)
	if a.Abs {
		return local.Format("2006-01-02 15:04:05 -07:00")
	}
	now := a.now()
	if a.hub != nil {
		now = a.hub.Now()
	}
	switch d := now.Sub(t); {
	case d >= 0 && d < 24*time.Hour:
		return rough(d) + " ago"
	case d < 0 && d > -24*time.Hour:
		return "in " + rough(-d)
	case local.Year() != now.In(a.zone).Year():
		return local.Format("2 Jan 2006")
	}
	return local.Format("2 Jan 15:04")
}

// rough is a duration in one unit.
func rough(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours())/24) + " d"
}

// spent is a duration as people read it.
func spent(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}

// elapsed is a duration that grows, in whole seconds.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(int(d.Seconds())) + " s"
	}
	return spent(d)
}

// took is a duration in a list: in a pipe seconds, for programs.
func (a *app) took(ms *int64) cell {
	switch {
	case ms == nil:
		return cell{Text: "-", Style: screen.Dim}
	case a.Terminal:
		return cell{Text: spent(time.Duration(*ms) * time.Millisecond)}
	}
	return cell{Text: strconv.FormatFloat(float64(*ms)/1000, 'f', 3, 64)}
}

// looks are the glyph, word and colour of a state.
var looks = map[string]struct {
	glyph, word string
	style       screen.Style
}{
	client.Queued: {"○", "queued", screen.Dim}, client.Assigned: {"◌", "assigned", screen.Busy},
	client.Running: {"▶", "running", screen.Busy}, client.Unknown: {"?", "unknown", screen.Warn},
	client.Succeeded: {"✓", "succeeded", screen.Good}, client.Failed: {"✗", "failed", screen.Bad},
	client.Partial: {"◑", "partial", screen.Warn}, client.TimedOut: {"⏱", "timed out", screen.Bad}, client.Cancelled: {"⊘", "cancelled", screen.Dim},
	client.Lost: {"!", "lost", screen.Bad}, client.Skipped: {"»", "skipped", screen.Dim},
	"active": {"●", "active", screen.Good}, "paused": {"‖", "paused", screen.Warn}, "archived": {"▪", "archived", screen.Dim},
	"online": {"●", "online", screen.Good}, "draining": {"◐", "draining", screen.Warn}, "offline": {"○", "offline", screen.Warn}, "revoked": {"✗", "revoked", screen.Bad},
	"reachable": {"●", "reachable", screen.Good}, "unreachable": {"○", "unreachable", screen.Bad}, "untested": {"?", "not tested", screen.Warn},
	"key_mismatch": {"✗", "host key changed", screen.Bad}, "auth_failed": {"✗", "login refused", screen.Bad},
	"started": {"✓", "started", screen.Good}, "missed": {"!", "missed", screen.Warn},
}

// state is a state in a list; in a pipe the word of the API.
func (a *app) state(word string) cell {
	look, known := looks[word]
	if !a.Terminal || !known {
		return text(word)
	}
	return cell{Text: look.glyph + " " + look.word, Style: look.style}
}

// painted is a state in a sentence.
func (a *app) painted(word string) string {
	c := a.state(word)
	return a.Paint(c.Style, c.Text)
}
