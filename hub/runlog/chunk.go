package runlog

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/proto/frame"
)

// MaxChunk is the most framed bytes in one chunk.
const MaxChunk = 256 << 10

// Chunk is a piece of an attempt's log on its way in: whole frames that begin at
// Offset framed bytes from the start.
type Chunk struct {
	RunID   uuid.UUID
	Attempt int32
	Offset  int64
	Frames  []byte
}

// Check reports whether the chunk's frames can be stored: whole, valid, at most
// [MaxChunk] bytes, with times that a calendar knows.
func (c Chunk) Check() error {
	_, err := examine(c.Frames)
	return err
}

func (c Chunk) key() key { return key{c.RunID, c.Attempt} }

// key names one log.
type key struct {
	run     uuid.UUID
	attempt int32
}

// shape is what the head and the index need to know of a chunk.
type shape struct {
	content int64 // bytes of data
	lines   int64 // newlines
	open    bool  // the last byte is no newline
	first   time.Time
	last    time.Time
}

// The times that are stored; a frame beyond them was made by a broken clock or a
// broken agent, and no reader could show it.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

func examine(frames []byte) (shape, error) {
	var s shape
	if len(frames) == 0 || len(frames) > MaxChunk {
		return s, ErrChunkInvalid.With("%d bytes, want 1 to %d", len(frames), MaxChunk)
	}
	for rest := frames; len(rest) > 0; {
		f, next, err := frame.Next(rest)
		if err != nil {
			return s, ErrChunkInvalid.With("at byte %d: %v", len(frames)-len(rest), err)
		}
		if f.At.Before(earliest) || f.At.After(latest) {
			return s, ErrChunkInvalid.With("at byte %d: time %d µs", len(frames)-len(rest), f.At.UnixMicro())
		}
		if s.first.IsZero() {
			s.first = f.At
		}
		s.last = f.At
		s.content += int64(len(f.Data))
		s.lines += int64(bytes.Count(f.Data, newline))
		s.open = f.Data[len(f.Data)-1] != '\n'
		rest = next
	}
	return s, nil
}

var newline = []byte{'\n'}
