package runlog_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// said appends text to a log, at a time in milliseconds.
func said(t *testing.T, s *runlog.Store, src runlog.Source, off int64, at int, text string) int64 {
	t.Helper()
	frames := frame.Append(nil, frame.Stdout, start.Add(time.Duration(at)*time.Millisecond), []byte(text))
	durable, err := s.Append(t.Context(), []runlog.Chunk{{RunID: src.Run, Attempt: src.Attempt, Offset: off, Frames: frames}})
	if err != nil {
		t.Fatal(err)
	}
	return durable[0]
}

func merged(t *testing.T, s *runlog.Store, sources []runlog.Source, limit int) (text string, more bool) {
	t.Helper()
	lines, _, more, err := s.Merge(t.Context(), sources, limit)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%d:%s ", l.Source, l.Text)
	}
	return b.String(), more
}

func newSources(n int) []runlog.Source {
	sources := make([]runlog.Source, n)
	for i := range sources {
		sources[i] = runlog.Source{Run: uuid.New(), Attempt: 1, From: 1}
	}
	return sources
}

func TestLogsAreMergedByTimeAndEachKeepsItsOwnOrder(t *testing.T) {
	t.Parallel()
	s := runlog.New(pgtest.New(t), runlog.Config{})
	sources := newSources(3)
	off := said(t, s, sources[0], 0, 10, "a\n")
	off = said(t, s, sources[0], off, 30, "b\n")
	off = said(t, s, sources[0], off, 5, "c\n") // its clock was put back
	said(t, s, sources[1], 0, 20, "x\nop")
	if got, more := merged(t, s, sources, 100); got != "0:a 1:x 0:b 0:c " || more {
		t.Fatalf("merged %q, more %v", got, more)
	}
	if got, more := merged(t, s, sources, 100); got != "" || more {
		t.Fatalf("merged %q again, more %v", got, more)
	}
	said(t, s, sources[0], off, 1, "late\n")
	said(t, s, sources[2], 0, 2, "y\n")
	if got, _ := merged(t, s, sources, 100); got != "0:late 2:y " {
		t.Fatalf("merged %q, want what came since", got)
	}
	sources[1].Over = true
	if got, _ := merged(t, s, sources, 100); got != "1:op " {
		t.Fatalf("merged %q, want the line that nobody will finish", got)
	}
}

func TestMergedLogsAreTheSameInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	s := runlog.New(pgtest.New(t), runlog.Config{})
	rnd := rand.New(rand.NewPCG(7, 11))
	sources := newSources(4)
	offs := make([]int64, len(sources))
	for at := range 600 {
		i := rnd.IntN(len(sources)) * rnd.IntN(2) // the first has most
		offs[i] = said(t, s, sources[i], offs[i], at, fmt.Sprintf("line %d of %d\n", at, i))
	}
	whole := ""
	for _, limit := range []int{5000, 1, 7, 60, 100} {
		reading := make([]runlog.Source, len(sources))
		copy(reading, sources)
		var b strings.Builder
		for more := true; more; {
			var piece string
			piece, more = merged(t, s, reading, limit)
			if piece == "" && more {
				t.Fatalf("limit %d: an empty piece, and more", limit)
			}
			b.WriteString(piece)
		}
		if whole == "" {
			whole = b.String()
		}
		if b.String() != whole || strings.Count(whole, "line ") != 600 {
			t.Fatalf("in pieces of %d lines it differs, or is not whole: %d lines", limit, strings.Count(b.String(), "line "))
		}
	}
}
