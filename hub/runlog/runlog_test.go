package runlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.UnixMicro(1_700_000_000_000_000)

// log is frames on their way: where each begins, and what a reader should see.
type log struct {
	framed []byte
	cuts   []int // frame boundaries, the end included
	script []byte
	out    []byte
	lines  []runlog.Line
	open   bool
}

func (l *log) add(stream frame.Stream, data []byte) {
	at := start.Add(time.Duration(len(l.cuts)) * time.Millisecond)
	l.framed = frame.Append(l.framed, stream, at, data)
	l.cuts = append(l.cuts, len(l.framed))
	if stream != frame.System {
		l.script = append(l.script, data...)
	}
	if stream == frame.Stdout {
		l.out = append(l.out, data...)
	}
	for piece := range bytes.SplitAfterSeq(data, []byte("\n")) {
		if len(piece) == 0 {
			continue
		}
		if !l.open {
			l.lines = append(l.lines, runlog.Line{N: int64(len(l.lines) + 1), At: at, Stream: stream})
		}
		last := &l.lines[len(l.lines)-1]
		text, finished := bytes.CutSuffix(piece, []byte("\n"))
		last.Length += int64(len(text))
		last.Text = append(last.Text, text[:min(len(text), runlog.MaxLine-len(last.Text))]...)
		last.Open = !finished
		l.open = !finished
	}
}

func write(text string) *log {
	l := &log{}
	for len(text) > 0 {
		n := min(len(text), frame.MaxData)
		l.add(frame.Stdout, []byte(text[:n]))
		text = text[n:]
	}
	return l
}

// upload appends the whole log in chunks.
func upload(t testing.TB, s *runlog.Store, run uuid.UUID, l *log) {
	t.Helper()
	for off := 0; off < len(l.framed); {
		n, err := frame.Whole(l.framed[off:], 64<<10)
		if err != nil {
			t.Fatal(err)
		}
		durable, err := s.Append(t.Context(), []runlog.Chunk{{RunID: run, Attempt: 1, Offset: int64(off), Frames: l.framed[off : off+n]}})
		if err != nil {
			t.Fatal(err)
		}
		off += n
		if durable[0] != int64(off) {
			t.Fatalf("Append = %d, want %d", durable[0], off)
		}
	}
}

func same(got, want []runlog.Line) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d lines, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.N != w.N || !g.At.Equal(w.At) || g.Stream != w.Stream || g.Length != w.Length || g.Open != w.Open || !bytes.Equal(g.Text, w.Text) {
			return fmt.Errorf("line %d = {%d %v %v %d %v %.40q}, want {%d %v %v %d %v %.40q}",
				i, g.N, g.At, g.Stream, g.Length, g.Open, g.Text, w.N, w.At, w.Stream, w.Length, w.Open, w.Text)
		}
	}
	return nil
}

func TestARepeatedChunkChangesNothingAndAGapIsNotStored(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	l := write("one\n")
	second := frame.Append(nil, frame.Stderr, start, []byte("two\nthr"))
	steps := []struct {
		offset int64
		frames []byte
		want   int
	}{
		{5, second, 0}, // a gap
		{0, l.framed, len(l.framed)},
		{0, l.framed, len(l.framed)}, // again
		{0, append(bytes.Clone(l.framed), second...), len(l.framed)}, // overlaps
		{int64(len(l.framed)), second, len(l.framed) + len(second)},
	}
	for i, step := range steps {
		got, err := s.Append(t.Context(), []runlog.Chunk{{RunID: run, Attempt: 1, Offset: step.offset, Frames: step.frames}})
		if err != nil || got[0] != int64(step.want) {
			t.Fatalf("step %d: Append = %v, %v; want %d", i, got, err, step.want)
		}
	}
	head, err := s.Head(t.Context(), run, 1)
	want := runlog.Head{Bytes: int64(len(l.framed) + len(second)), Content: 11, Lines: 2, Open: true}
	if err != nil || head != want || head.Total() != 3 {
		t.Fatalf("Head = %+v, %v; want %+v of 3 lines", head, err, want)
	}
}

func TestABadChunkIsRefusedAndSpoilsNoOther(t *testing.T) {
	t.Parallel()
	s, bad := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	l := write("fine\n")
	for name, frames := range map[string][]byte{
		"empty":             nil,
		"truncated":         l.framed[:len(l.framed)-1],
		"no frame":          []byte(strings.Repeat("x", 40)),
		"before 1970":       frame.Append(nil, frame.Stdout, time.UnixMicro(-1), []byte("x")),
		"beyond a calendar": frame.Append(nil, frame.Stdout, time.UnixMicro(1<<62), []byte("x")),
		"too large":         bytes.Repeat(l.framed, runlog.MaxChunk/len(l.framed)+1),
	} {
		run := uuid.New()
		chunk := runlog.Chunk{RunID: bad, Attempt: 1, Frames: frames}
		if !errors.Is(chunk.Check(), runlog.ErrChunkInvalid) {
			t.Errorf("%s: Check = %v, want ErrChunkInvalid", name, chunk.Check())
		}
		got, err := s.Append(t.Context(), []runlog.Chunk{chunk, {RunID: run, Attempt: 1, Frames: l.framed}})
		if err != nil || got[0] != runlog.Refused || got[1] != int64(len(l.framed)) {
			t.Errorf("%s: Append = %v, %v; want refused and %d", name, got, err, len(l.framed))
		}
	}
	if head, err := s.Head(t.Context(), bad, 1); err != nil || head != (runlog.Head{}) {
		t.Fatalf("Head of the refused = %+v, %v; want none", head, err)
	}
}

func TestALogIsCompleteWhenItsLastByteIsDurable(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	l := write("one\ntwo\n")
	if err := s.Complete(t.Context(), run, 1, int64(len(l.framed))); err != nil {
		t.Fatal(err)
	}
	if head, _ := s.Head(t.Context(), run, 1); head.Complete {
		t.Fatal("the log is complete before its last chunk came")
	}
	upload(t, s, run, l)
	if head, _ := s.Head(t.Context(), run, 1); !head.Complete {
		t.Fatal("the log is not complete after its last chunk")
	}
	silent := uuid.New()
	if err := s.Complete(t.Context(), silent, 1, 0); err != nil {
		t.Fatal(err)
	}
	if head, _ := s.Head(t.Context(), silent, 1); !head.Complete {
		t.Fatal("a log without a byte is not complete")
	}
}

func TestWhatIsReadIsWhatWasWrittenHoweverItWasCut(t *testing.T) {
	t.Parallel()
	s := runlog.New(pgtest.New(t), runlog.Config{})
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		l, runs := randomLog(r), []uuid.UUID{uuid.New(), uuid.New()}
		send(ctx, r, s, runs, l)
		for _, run := range runs {
			read(ctx, r, s, run, l)
		}
	})
}

func randomLog(r *rapid.T) *log {
	l := &log{}
	for range rapid.IntRange(1, 30).Draw(r, "frames") {
		stream := rapid.SampledFrom([]frame.Stream{frame.Stdout, frame.Stdout, frame.Stderr, frame.System}).Draw(r, "stream")
		data := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("a\n\x00é")), 1, 40, -1).Draw(r, "data"))
		if rapid.IntRange(0, 9).Draw(r, "long") == 0 {
			data = bytes.Repeat([]byte("x"), rapid.IntRange(frame.MaxData-2, frame.MaxData).Draw(r, "length"))
		}
		l.add(stream, data)
	}
	return l
}

// send appends the log to all runs at once, cut at random, with repetitions and
// gaps, going on where the store says.
func send(ctx context.Context, r *rapid.T, s *runlog.Store, runs []uuid.UUID, l *log) {
	at := make([]int64, len(runs))
	done := func() bool {
		for _, a := range at {
			if a < int64(len(l.framed)) {
				return false
			}
		}
		return true
	}
	for !done() {
		var chunks []runlog.Chunk
		var whose []int
		for i, run := range runs {
			from := at[i]
			if rapid.IntRange(0, 4).Draw(r, "astray") == 0 {
				from = int64(rapid.SampledFrom(append([]int{0}, l.cuts...)).Draw(r, "from"))
			}
			for range rapid.IntRange(1, 3).Draw(r, "chunks") {
				to := int64(nextCut(l.cuts, int(from), rapid.IntRange(1, 6).Draw(r, "frames of a chunk")))
				if to <= from {
					break
				}
				chunks = append(chunks, runlog.Chunk{RunID: run, Attempt: 1, Offset: from, Frames: l.framed[from:to]})
				whose = append(whose, i)
				from = to
			}
		}
		if len(chunks) == 0 {
			continue
		}
		durable, err := s.Append(ctx, chunks)
		if err != nil {
			r.Fatalf("Append: %v", err)
		}
		for i, d := range durable {
			if d < at[whose[i]] || d > int64(len(l.framed)) {
				r.Fatalf("durable went from %d to %d of %d", at[whose[i]], d, len(l.framed))
			}
			at[whose[i]] = d
		}
	}
}

func nextCut(cuts []int, from, n int) int {
	to := from
	for _, c := range cuts {
		if c > from && n > 0 {
			to, n = c, n-1
		}
	}
	return to
}

func read(ctx context.Context, r *rapid.T, s *runlog.Store, run uuid.UUID, l *log) {
	for _, want := range []struct {
		streams []frame.Stream
		bytes   []byte
	}{{[]frame.Stream{frame.Stdout, frame.Stderr}, l.script}, {[]frame.Stream{frame.Stdout}, l.out}} {
		var got bytes.Buffer
		if err := s.Raw(ctx, run, 1, want.streams, &got); err != nil || !bytes.Equal(got.Bytes(), want.bytes) {
			r.Fatalf("Raw(%v) = %d bytes, %v; want the %d written", want.streams, got.Len(), err, len(want.bytes))
		}
	}
	from := rapid.Int64Range(1, int64(len(l.lines))+1).Draw(r, "from")
	limit := rapid.IntRange(1, 50).Draw(r, "limit")
	got, head, err := s.Lines(ctx, run, 1, from, limit)
	if err != nil || head.Total() != int64(len(l.lines)) {
		r.Fatalf("Lines = %d of %d, %v; want %d in all", len(got), head.Total(), err, len(l.lines))
	}
	want := l.lines[from-1:]
	if err := same(got, want[:min(limit, len(want))]); err != nil {
		r.Fatalf("Lines(%d, %d): %v", from, limit, err)
	}
	if err := s.Complete(ctx, run, 1, int64(len(l.framed))); err != nil {
		r.Fatalf("Complete: %v", err)
	}
	var all []runlog.Line
	err = s.Follow(ctx, run, 1, from, func(batch []runlog.Line, _ runlog.Head) error {
		all = append(all, batch...)
		return nil
	})
	if err != nil {
		r.Fatalf("Follow: %v", err)
	}
	if err := same(all, want); err != nil {
		r.Fatalf("Follow from %d: %v", from, err)
	}
}

// bells is a doorbell that a test rings by appending.
type bells struct {
	mu  sync.Mutex
	all map[string][]chan struct{}
}

func (b *bells) Ring(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range b.all[topic] {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

func (b *bells) Subscribe(topic string) (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bell := make(chan struct{}, 1)
	if b.all == nil {
		b.all = map[string][]chan struct{}{}
	}
	b.all[topic] = append(b.all[topic], bell)
	return bell, func() {}
}

func TestAFollowerSeesEachLineWhenItIsPrintedAndTheEndOnce(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{Bell: &bells{}, Poll: time.Hour}), uuid.New()
	type batch struct {
		lines []runlog.Line
		head  runlog.Head
	}
	seen, ended := make(chan batch), make(chan error, 1)
	go func() {
		ended <- s.Follow(t.Context(), run, 1, 1, func(lines []runlog.Line, head runlog.Head) error {
			seen <- batch{lines, head}
			return nil
		})
	}()
	if first := <-seen; len(first.lines) != 0 {
		t.Fatalf("first batch = %v, want none", first.lines)
	}
	off := int64(0)
	say := func(text string) batch {
		frames := frame.Append(nil, frame.Stdout, start, []byte(text))
		durable, err := s.Append(t.Context(), []runlog.Chunk{{RunID: run, Attempt: 1, Offset: off, Frames: frames}})
		if err != nil {
			t.Fatal(err)
		}
		off = durable[0]
		return <-seen
	}
	if got := say("one\ntw"); len(got.lines) != 2 || string(got.lines[1].Text) != "tw" || !got.lines[1].Open {
		t.Fatalf("after an open line the follower saw %+v", got.lines)
	}
	got := say("o\nthree\n")
	if len(got.lines) != 2 || got.lines[0].N != 2 || string(got.lines[0].Text) != "two" || got.lines[0].Open || got.lines[1].N != 3 {
		t.Fatalf("after the line ended the follower saw %+v, want lines 2 and 3", got.lines)
	}
	if err := s.Complete(t.Context(), run, 1, off); err != nil {
		t.Fatal(err)
	}
	if last := <-seen; len(last.lines) != 0 || !last.head.Complete {
		t.Fatalf("last batch = %+v, want only the end", last)
	}
	if err := <-ended; err != nil {
		t.Fatalf("Follow = %v, want nil", err)
	}
}

func TestALostDoorbellCostsOnePoll(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{Poll: 10 * time.Millisecond}), uuid.New()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Follow(t.Context(), run, 1, 1, func([]runlog.Line, runlog.Head) error { return nil })
	}()
	upload(t, s, run, write("x\n"))
	if err := s.Complete(t.Context(), run, 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("Follow = %v, want nil", err)
	}
}

func TestFollowEndsWithItsReader(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	gone := errors.New("gone")
	if err := s.Follow(t.Context(), run, 1, 1, func([]runlog.Line, runlog.Head) error { return gone }); !errors.Is(err, gone) {
		t.Fatalf("Follow = %v, want the reader's error", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	err := s.Follow(ctx, run, 1, 1, func([]runlog.Line, runlog.Head) error { cancel(gone); return nil })
	if !errors.Is(err, gone) {
		t.Fatalf("Follow = %v, want the cause", err)
	}
}

func TestALongLineIsCutAndItsLengthTold(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	const long = 10 << 20
	l := write("before\n" + strings.Repeat("y", long) + "\nafter\n" + strings.Repeat("z", long))
	upload(t, s, run, l)
	got, head, err := s.Lines(t.Context(), run, 1, 1, 10)
	if err != nil || head.Total() != 4 {
		t.Fatalf("Lines = %d of %d, %v; want 4", len(got), head.Total(), err)
	}
	if err := same(got, l.lines); err != nil {
		t.Fatal(err)
	}
	if !got[1].Cut() || got[1].Length != long || !got[3].Open || got[3].Length != long || got[0].Cut() {
		t.Fatalf("the long lines are %d and %d bytes, cut %v; want %d", got[1].Length, got[3].Length, got[1].Cut(), long)
	}
	got, _, err = s.Lines(t.Context(), run, 1, 3, 1)
	if err != nil || len(got) != 1 || string(got[0].Text) != "after" {
		t.Fatalf("Lines(3) = %v, %v; want the line after the long one", got, err)
	}
}

func TestAnAnswerIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	upload(t, s, run, write(strings.Repeat(strings.Repeat("w", 60<<10)+"\n", 120)))
	got, head, err := s.Lines(t.Context(), run, 1, 1, 5000)
	if err != nil || head.Lines != 120 {
		t.Fatalf("Lines of %d, %v; want 120", head.Lines, err)
	}
	size := 0
	for _, line := range got {
		size += len(line.Text)
	}
	if size > 5<<20 || len(got) == 0 {
		t.Fatalf("Lines returned %d bytes in %d lines, want some, at most 5 MiB", size, len(got))
	}
	rest, _, err := s.Lines(t.Context(), run, 1, int64(len(got))+1, 5000)
	if err != nil || len(rest) == 0 || rest[0].N != int64(len(got))+1 {
		t.Fatalf("the answer cannot be continued: %d lines, %v", len(rest), err)
	}
}

func TestLinesOfNothingAreNone(t *testing.T) {
	t.Parallel()
	s := runlog.New(pgtest.New(t), runlog.Config{})
	got, head, err := s.Lines(t.Context(), uuid.New(), 1, 1, 10)
	if err != nil || len(got) != 0 || head != (runlog.Head{}) {
		t.Fatalf("Lines of no log = %v, %+v, %v", got, head, err)
	}
	run := uuid.New()
	upload(t, s, run, write("one\n"))
	if got, _, err = s.Lines(t.Context(), run, 1, 2, 10); err != nil || len(got) != 0 {
		t.Fatalf("Lines beyond the end = %v, %v", got, err)
	}
}

func TestTwoUploadersOfOneLogStoreItOnce(t *testing.T) {
	t.Parallel()
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	l := write(strings.Repeat("the same line\n", 20_000))
	var uploaders sync.WaitGroup
	for range 2 {
		uploaders.Go(func() {
			for off := int64(0); off < int64(len(l.framed)); {
				n, _ := frame.Whole(l.framed[off:], 40<<10)
				durable, err := s.Append(t.Context(), []runlog.Chunk{{RunID: run, Attempt: 1, Offset: off, Frames: l.framed[off : off+int64(n)]}})
				if err != nil {
					t.Error(err)
					return
				}
				off = durable[0]
			}
		})
	}
	uploaders.Wait()
	var got bytes.Buffer
	if err := s.Raw(t.Context(), run, 1, []frame.Stream{frame.Stdout}, &got); err != nil || !bytes.Equal(got.Bytes(), l.script) {
		t.Fatalf("Raw = %d bytes, %v; want the %d written", got.Len(), err, len(l.script))
	}
}

func TestManyLogsAreCompletedAtOnce(t *testing.T) {
	s := runlog.New(pgtest.New(t), runlog.Config{})
	full, ahead, silent := uuid.New(), uuid.New(), uuid.New()
	var l log
	l.add(frame.Stdout, []byte("x\n"))
	n := int64(len(l.framed))
	if _, err := s.Append(t.Context(), []runlog.Chunk{{RunID: full, Attempt: 1, Frames: l.framed}}); err != nil {
		t.Fatal(err)
	}
	err := s.CompleteAll(t.Context(), []runlog.Completion{
		{RunID: silent, Attempt: 1}, {RunID: full, Attempt: 1, LogBytes: n}, {RunID: ahead, Attempt: 2, LogBytes: n}, {RunID: full, Attempt: 1, LogBytes: 2 * n},
	})
	if err != nil {
		t.Fatal(err)
	}
	for run, c := range map[uuid.UUID]struct {
		attempt int32
		want    bool
	}{full: {1, true}, silent: {1, true}, ahead: {2, false}} {
		if head, err := s.Head(t.Context(), run, c.attempt); err != nil || head.Complete != c.want {
			t.Errorf("head of attempt %d = %+v, %v; want complete %v", c.attempt, head, err, c.want)
		}
	}
}
