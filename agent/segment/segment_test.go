package segment_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/segment"
	"github.com/cronium/cronium/proto/frame"
)

func frames(fill byte, n int) []byte {
	return frame.Append(nil, frame.Stdout, time.UnixMicro(1), bytes.Repeat([]byte{fill}, n))
}

func readAll(t *testing.T, r *segment.Reader, off int64) []byte {
	t.Helper()
	var got []byte
	for {
		b, err := r.Chunk(off)
		if err != nil {
			t.Fatalf("Chunk(%d): %v", off, err)
		}
		if len(b) == 0 {
			return got
		}
		got, off = append(got, b...), off+int64(len(b))
	}
}

func TestALogIsReadAcrossItsFilesFromAnyFrame(t *testing.T) {
	dir := t.TempDir()
	w, r := segment.Create(dir), segment.Open(dir)
	defer r.Close()
	if got := readAll(t, r, 0); got != nil {
		t.Fatalf("an empty log has %d bytes", len(got))
	}
	var want []byte
	var offsets []int64
	for i := range 400 {
		f := frames(byte('a'+i%26), 20_000+i)
		offsets = append(offsets, int64(len(want)))
		if want = append(want, f...); w.Append(f) != nil {
			t.Fatal("append")
		}
	}
	if w.Size() != int64(len(want)) {
		t.Fatalf("Size = %d, want %d", w.Size(), len(want))
	}
	if got := readAll(t, r, 0); !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, want the %d written", len(got), len(want))
	}
	for _, off := range []int64{offsets[399], offsets[3], offsets[250], 0} {
		if got := readAll(t, r, off); !bytes.Equal(got, want[off:]) {
			t.Fatalf("from %d: read %d bytes, want %d", off, len(got), len(want)-int(off))
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "out.*")); len(names) != 2 {
		t.Fatalf("files: %v, want two", names)
	}
	if n, err := segment.Whole(dir); n != int64(len(want)) || err != nil {
		t.Fatalf("Whole = %d, %v; want %d", n, err, len(want))
	}
}

func TestAPieceOfAFrameAtTheEndIsNotSeen(t *testing.T) {
	for name, tail := range map[string][]byte{"cut frame": frames('b', 100)[:50], "zeros": make([]byte, 500)} {
		dir := t.TempDir()
		w := segment.Create(dir)
		whole := frames('a', 100)
		if err := w.Append(whole); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, "out.000001"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(tail); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if got := readAll(t, segment.Open(dir), 0); !bytes.Equal(got, whole) {
			t.Errorf("%s: read %d bytes, want the whole frame only", name, len(got))
		}
		if n, err := segment.Whole(dir); n != int64(len(whole)) || err != nil {
			t.Errorf("%s: Whole = %d, %v; want %d", name, n, err, len(whole))
		}
	}
}

func TestALogIsContinuedAfterItsLastWholeFrame(t *testing.T) {
	dir := t.TempDir()
	var want []byte
	for i := range 9 { // the fifth begins a new file
		w, err := segment.Continue(dir)
		if err != nil {
			t.Fatal(err)
		}
		if w.Size() != int64(len(want)) {
			t.Fatalf("writer %d goes on at %d, want %d", i, w.Size(), len(want))
		}
		for range 50 {
			f := frames(byte('a'+i), 20_000)
			if want = append(want, f...); w.Append(f) != nil {
				t.Fatal("append")
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tear(t, dir)
	}
	r := segment.Open(dir)
	defer r.Close()
	if got := readAll(t, r, 0); !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, want the %d written", len(got), len(want))
	}
}

// tear leaves a piece of a frame at the end of the log.
func tear(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "out.*"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(names[len(names)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(frames('x', 100)[:50])
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}
