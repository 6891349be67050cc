package runlog_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// BenchmarkAppend is our way in; BenchmarkCopyChunks is the floor: the same bytes
// by bare COPY, neither compressed nor counted. Compare lines/s.
func BenchmarkAppend(b *testing.B) {
	for _, attempts := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("attempts=%d", attempts), func(b *testing.B) {
			s := runlog.New(pgtest.New(b), runlog.Config{})
			frames, lines := chunkOfLines()
			chunks := make([]runlog.Chunk, attempts)
			for i := range chunks {
				chunks[i] = runlog.Chunk{RunID: uuid.New(), Attempt: 1, Frames: frames}
			}
			b.SetBytes(int64(attempts * len(frames)))
			for b.Loop() {
				durable, err := s.Append(b.Context(), chunks)
				if err != nil {
					b.Fatal(err)
				}
				for i := range chunks {
					chunks[i].Offset = durable[i]
				}
			}
			b.ReportMetric(float64(b.N*attempts*lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func BenchmarkCopyChunks(b *testing.B) {
	for _, rows := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			db := pgtest.New(b)
			if _, err := db.Pool.Exec(b.Context(), "create table floor (run uuid, off bigint, data bytea, primary key (run, off))"); err != nil {
				b.Fatal(err)
			}
			frames, lines := chunkOfLines()
			run, off := uuid.New(), int64(0)
			b.SetBytes(int64(rows * len(frames)))
			for b.Loop() {
				_, err := db.Pool.CopyFrom(b.Context(), pgx.Identifier{"floor"}, []string{"run", "off", "data"},
					pgx.CopyFromSlice(rows, func(int) ([]any, error) { off++; return []any{run, off, frames}, nil }))
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*rows*lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// chunkOfLines is 64 KiB of lines of about 200 bytes that resemble a log.
func chunkOfLines() ([]byte, int) {
	var text bytes.Buffer
	lines := 0
	for ; text.Len() < 63<<10; lines++ {
		fmt.Fprintf(&text, "2026-11-23T10:%02d:%02d.%06dZ level=info msg=%q request=%s duration=%dms\n", lines%60, lines%59, lines*7919%1_000_000,
			"handled request of a customer", uuid.New(), lines*31%900)
	}
	var frames []byte
	for rest := text.Bytes(); len(rest) > 0; {
		n := min(len(rest), frame.MaxData)
		frames = frame.Append(frames, frame.Stdout, start, rest[:n])
		rest = rest[n:]
	}
	return frames, lines
}

func TestReadingALargeLogTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 64 MB")
	}
	s, run := runlog.New(pgtest.New(t), runlog.Config{}), uuid.New()
	line := strings.Repeat("m", 200) + "\n"
	frames := []byte(nil)
	for range 2 {
		frames = frame.Append(frames, frame.Stdout, start, []byte(strings.Repeat(line, 150)))
	}
	chunks := make([]runlog.Chunk, 16)
	off := int64(0)
	for range 64 {
		for i := range chunks {
			chunks[i] = runlog.Chunk{RunID: run, Attempt: 1, Offset: off, Frames: frames}
			off += int64(len(frames))
		}
		if durable, err := s.Append(t.Context(), chunks); err != nil || durable[len(durable)-1] != off {
			t.Fatalf("Append = %v, %v; want %d", durable, err, off)
		}
	}
	written := heapUsed()
	meter := &meter{before: written}
	if err := s.Raw(t.Context(), run, 1, []frame.Stream{frame.Stdout}, meter); err != nil {
		t.Fatal(err)
	}
	if meter.bytes != int64(64*16*2*150*len(line)) || meter.peak > 16<<20 {
		t.Fatalf("Raw of %d bytes used %d KiB of memory, want at most 16 MiB", meter.bytes, meter.peak>>10)
	}
	if got, _, err := s.Lines(t.Context(), run, 1, 300_000, 2); err != nil || len(got) != 2 || got[0].N != 300_000 {
		t.Fatalf("Lines(300000) = %d lines, %v", len(got), err)
	}
}

type meter struct {
	before, peak uint64
	bytes        int64
	calls        int
}

func (m *meter) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	if m.calls++; m.calls%200 == 0 {
		if now := heapUsed(); now > m.before {
			m.peak = max(m.peak, now-m.before)
		}
	}
	return len(p), nil
}

func heapUsed() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

var _ io.Writer = (*meter)(nil)
