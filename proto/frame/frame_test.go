package frame_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/cronium/cronium/proto/frame"
)

func TestFramesComeBackAsWritten(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_123_456)
	b := frame.Append(nil, frame.Stdout, at, []byte("a\x00\xff\n"))
	b = frame.Append(b, frame.Stderr, at.Add(time.Second), bytes.Repeat([]byte("x"), frame.MaxData))

	first, rest, err := frame.Next(b)
	if err != nil || first.Stream != frame.Stdout || !first.At.Equal(at) || string(first.Data) != "a\x00\xff\n" {
		t.Fatalf("Next = %v, %v; want the first frame", first, err)
	}
	second, rest, err := frame.Next(rest)
	if err != nil || second.Stream != frame.Stderr || len(second.Data) != frame.MaxData || len(rest) != 0 {
		t.Fatalf("Next = %d bytes of stream %d, %d left, %v; want the second frame", len(second.Data), second.Stream, len(rest), err)
	}
}

func TestWholeCutsAtAFrameBoundary(t *testing.T) {
	b := frame.Append(nil, frame.Stdout, time.UnixMicro(1), []byte("one\n"))
	one := len(b)
	b = frame.Append(b, frame.Stdout, time.UnixMicro(2), []byte("two\n"))
	for _, c := range []struct{ have, limit, want int }{
		{len(b), len(b), len(b)}, {len(b), len(b) - 1, one}, {len(b) - 1, len(b), one}, {one - 1, len(b), 0}, {0, 9, 0},
	} {
		if got, err := frame.Whole(b[:c.have], c.limit); err != nil || got != c.want {
			t.Errorf("Whole(%d bytes, limit %d) = %d, %v; want %d", c.have, c.limit, got, err, c.want)
		}
	}
}

func FuzzNextNeverPanicsAndNeverInvents(f *testing.F) {
	f.Add(frame.Append(nil, frame.System, time.UnixMicro(7), []byte("cut")))
	f.Add([]byte{9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rest, err := frame.Next(b)
		if err != nil {
			if !errors.Is(err, frame.ErrTruncated) && !errors.Is(err, frame.ErrInvalid) {
				t.Fatalf("Next(%x) = %v, want one of the two errors", b, err)
			}
			return
		}
		again := frame.Append(nil, got.Stream, got.At, got.Data)
		if !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("Next(%x) decoded to what encodes as %x", b, again)
		}
	})
}
