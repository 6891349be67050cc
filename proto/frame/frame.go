// Package frame is how a log travels and lies on disk: a sequence of frames, in
// the order in which the runner read the script's output. A runner writes them
// to segments, an agent uploads them untouched, a hub stores and reads them.
//
// A frame is a 16-byte header (big endian: stream u8, three zero bytes, length
// u32, time of reading in microseconds since 1970 i64) and 1 to [MaxData] bytes
// as the script wrote them, after masking. Offsets in every protocol count
// framed bytes, so an offset is valid only on a frame boundary.
//
// Lines are counted over the data of all streams in order: line n ends with the
// nth newline; what follows the last newline is an open line.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Stream says where a frame's data came from.
type Stream uint8

// The streams of a log.
const (
	Stdout Stream = 1
	Stderr Stream = 2
	// System carries our own lines: a limit was reached, output was dropped. They
	// are shown, and left out of raw output.
	System Stream = 3
)

// HeaderSize is the length of a frame's header in bytes.
const HeaderSize = 16

// MaxData is the most data in one frame, in bytes.
const MaxData = 32 << 10

// ErrTruncated means that the bytes end inside a frame: more may follow.
var ErrTruncated = errors.New("frame is truncated")

// ErrInvalid means that the bytes are no frame and never will be.
var ErrInvalid = errors.New("invalid frame")

// Frame is one piece of a log. Data aliases the bytes it was decoded from.
type Frame struct {
	Stream Stream
	At     time.Time
	Data   []byte
}

// Append adds data to dst as one frame. It panics if data is empty or longer
// than [MaxData], because the caller cuts.
func Append(dst []byte, stream Stream, at time.Time, data []byte) []byte {
	if len(data) == 0 || len(data) > MaxData {
		panic(fmt.Sprintf("frame.Append: %d bytes of data, want 1 to %d", len(data), MaxData))
	}
	dst = append(dst, byte(stream), 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(at.UnixMicro()))
	return append(dst, data...)
}

// Next decodes the first frame of b and returns it with the rest of b. It
// returns [ErrTruncated] when b ends early and [ErrInvalid] when b can be no frame.
func Next(b []byte) (Frame, []byte, error) {
	if len(b) < HeaderSize {
		return Frame{}, b, ErrTruncated
	}
	n := binary.BigEndian.Uint32(b[4:8])
	stream := Stream(b[0])
	if stream < Stdout || stream > System || b[1]|b[2]|b[3] != 0 || n == 0 || n > MaxData {
		return Frame{}, b, fmt.Errorf("%w: stream %d, length %d", ErrInvalid, b[0], n)
	}
	end := HeaderSize + int(n)
	if len(b) < end {
		return Frame{}, b, ErrTruncated
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:16])))
	return Frame{Stream: stream, At: at, Data: b[HeaderSize:end:end]}, b[end:], nil
}

// Whole returns how many bytes at the start of b are whole, valid frames, and at
// most limit. An invalid frame is an error; a truncated one just ends the count.
func Whole(b []byte, limit int) (int, error) {
	whole := 0
	for rest := b; ; {
		_, next, err := Next(rest)
		if errors.Is(err, ErrTruncated) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		end := len(b) - len(next)
		if end > limit {
			return whole, nil
		}
		whole, rest = end, next
	}
}
