package main

import (
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

// printer writes log lines to standard output. On a terminal an unfinished line is
// shown as far as it goes; in a pipe it waits for its end.
type printer struct {
	a      *app
	stream string // out, err, or empty for all
	stamps bool

	open  int64  // number of the unfinished line on the terminal; 0: none
	shown string // what of it is there
	wrote bool   // there was a line
}

func (p *printer) batch(b client.LogBatch) error {
	for i, l := range b.Lines {
		unfinished := b.Open && !b.Complete && i == len(b.Lines)-1
		if err := p.line(l, unfinished); err != nil {
			return err
		}
	}
	return p.a.Flush()
}

func (p *printer) line(l client.LogLine, unfinished bool) error {
	switch {
	case p.stream != "" && p.stream != l.Stream:
		return nil
	case p.a.Output == "json" || p.a.Output == "jsonl":
		if unfinished {
			return nil
		}
		return p.a.writeLine(l)
	case unfinished && !p.a.Terminal:
		return nil
	}
	text := l.Text
	if unfinished {
		text = screen.Whole(text)
	}
	rest, more := strings.CutPrefix(text, p.shown)
	switch {
	case p.open == l.N && more:
		p.write(l, rest)
	case p.open != 0:
		p.a.Printf("\n")
		fallthrough
	default:
		p.a.Printf("%s", p.stamp(l.At))
		p.write(l, text)
	}
	p.open, p.shown = 0, ""
	if unfinished {
		p.open, p.shown = l.N, text
		return nil
	}
	p.a.Printf("\n")
	return nil
}

func (p *printer) write(l client.LogLine, text string) {
	p.wrote = true
	clean := screen.Line(text, p.a.Colour)
	if l.Stream == "sys" {
		clean = p.a.Paint(screen.Dim, clean)
	}
	p.a.Printf("%s", clean)
}

func (p *printer) stamp(at time.Time) string {
	switch {
	case !p.stamps:
		return ""
	case p.a.Terminal:
		return p.a.Paint(screen.Dim, at.In(p.a.zone).Format("2006-01-02 15:04:05.000")) + " "
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z") + " "
}

// end leaves the cursor at the start of a line and colours as they were.
func (p *printer) end() {
	if p.open != 0 {
		p.a.Printf("\n")
		p.open, p.shown = 0, ""
	}
	if p.wrote {
		p.a.Restore()
	}
}
