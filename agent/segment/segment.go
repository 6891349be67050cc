// Package segment keeps the framed log of one attempt in files of at most 4 MiB,
// out.000001 and so on, in the attempt's directory. One [Writer] appends whole
// frames (proto/frame); any number of [Reader]s read them by their offset in the
// whole log, in this process or in another, while it is being written.
//
// A frame never crosses from one file into the next, and a file is complete as
// soon as the next one exists. After a crash the last file may end in a piece of
// a frame: readers do not see it, and [Whole] does not count it.
package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cronium/cronium/proto/frame"
)

// MaxSize is the size of a file, in bytes.
const MaxSize = 4 << 20

// MaxChunk is the most that [Reader.Chunk] returns.
const MaxChunk = 64 << 10

func name(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("out.%06d", n)) }

// Writer appends to a log. Its methods are not to be called concurrently.
type Writer struct {
	dir  string
	f    *os.File
	n    int
	size int64 // of the file
	base int64 // of the files before it
}

// Create returns the writer of a new log in dir.
func Create(dir string) *Writer { return &Writer{dir: dir} }

// Continue returns a writer that goes on with the log in dir, where a writer may have
// died: what follows the last whole frame is cut off.
func Continue(dir string) (*Writer, error) {
	w := Create(dir)
	end, err := Whole(dir)
	if err != nil {
		return nil, err
	}
	for {
		info, err := os.Stat(name(dir, w.n+1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("look at a segment: %w", err)
		}
		w.n, w.base, w.size = w.n+1, w.base+w.size, info.Size()
	}
	if w.n == 0 {
		return w, nil
	}
	if w.f, err = os.OpenFile(name(dir, w.n), os.O_WRONLY, 0); err != nil {
		return nil, fmt.Errorf("open a segment: %w", err)
	}
	w.size = end - w.base
	if err := w.f.Truncate(w.size); err != nil {
		return nil, fmt.Errorf("cut a segment: %w", errors.Join(err, w.f.Close()))
	}
	return w, nil
}

// Size is the length of the log.
func (w *Writer) Size() int64 { return w.base + w.size }

// Append writes whole frames, at most [MaxSize] bytes. After an error the log is
// as it was before.
func (w *Writer) Append(frames []byte) error {
	if w.f == nil || w.size+int64(len(frames)) > MaxSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	n, err := w.f.WriteAt(frames, w.size)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, w.f.Truncate(w.size))
		}
		return fmt.Errorf("append to the log: %w", err)
	}
	w.size += int64(n)
	return nil
}

func (w *Writer) rotate() error {
	f, err := os.OpenFile(name(w.dir, w.n+1), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the next segment: %w", err)
	}
	if w.f != nil {
		_ = w.f.Sync() // the next periodic one would not see it any more
		_ = w.f.Close()
	}
	w.f, w.n, w.base, w.size = f, w.n+1, w.base+w.size, 0
	return nil
}

// File is the current file, to be synced without holding up the writer; nil if
// there is none.
func (w *Writer) File() *os.File { return w.f }

// Close syncs and closes the log.
func (w *Writer) Close() error {
	if w.f == nil {
		return nil
	}
	return errors.Join(w.f.Sync(), w.f.Close())
}

// Reader reads a log. Its methods are not to be called concurrently.
type Reader struct {
	dir  string
	f    *os.File
	n    int   // the number of f
	base int64 // offset of f's first byte
	buf  []byte
}

// Open returns a reader of the log in dir, which may not exist yet.
func Open(dir string) *Reader { return &Reader{dir: dir} }

// OpenWith is [Open] with a buffer of [MaxChunk] bytes, which readers may share
// that are not used at the same time.
func OpenWith(dir string, buf []byte) *Reader { return &Reader{dir: dir, buf: buf[:MaxChunk]} }

// Close frees the reader. It may be used again.
func (r *Reader) Close() {
	if r.f != nil {
		_ = r.f.Close()
	}
	r.f, r.n, r.base = nil, 0, 0
}

// Chunk returns the whole frames from off on, at most [MaxChunk] bytes of them,
// and nothing when there are none yet. The bytes are valid until the next call.
func (r *Reader) Chunk(off int64) ([]byte, error) {
	ok, err := r.seek(off)
	if !ok || err != nil {
		return nil, err
	}
	if r.buf == nil {
		r.buf = make([]byte, MaxChunk)
	}
	n, err := r.f.ReadAt(r.buf, off-r.base)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	// Invalid bytes can only be what a crash of the host left behind the end.
	whole, _ := frame.Whole(r.buf[:n], MaxChunk)
	return r.buf[:whole], nil
}

// seek opens the file that holds off, and reports whether there is one.
func (r *Reader) seek(off int64) (bool, error) {
	if r.f != nil && off < r.base {
		r.Close()
	}
	if r.f == nil {
		if ok, err := r.open(1); !ok || err != nil {
			return false, err
		}
	}
	for {
		next, err := os.Open(name(r.dir, r.n+1)) // before the size: once it exists, the size is final
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("open a segment: %w", err)
		}
		info, statErr := r.f.Stat()
		if statErr != nil {
			return false, fmt.Errorf("look at a segment: %w", statErr)
		}
		if next == nil || off < r.base+info.Size() {
			if next != nil {
				_ = next.Close()
			}
			return off < r.base+info.Size(), nil
		}
		_ = r.f.Close()
		r.f, r.n, r.base = next, r.n+1, r.base+info.Size()
	}
}

func (r *Reader) open(n int) (bool, error) {
	f, err := os.Open(name(r.dir, n))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open a segment: %w", err)
	}
	r.f, r.n = f, n
	return true, nil
}

// Whole is the length of the log in dir up to its last whole frame: the truth
// after its writer died.
func Whole(dir string) (int64, error) {
	r := Open(dir)
	defer r.Close()
	off, err := r.lastSegment()
	if err != nil {
		return 0, err
	}
	for {
		b, err := r.Chunk(off)
		if err != nil || len(b) == 0 {
			return off, err
		}
		off += int64(len(b))
	}
}

// lastSegment returns the offset at which the last file begins.
func (r *Reader) lastSegment() (int64, error) {
	var base int64
	for n := 1; ; n++ {
		info, err := os.Stat(name(r.dir, n))
		if err != nil {
			return base, ignoreMissing(err)
		}
		if _, err := os.Stat(name(r.dir, n+1)); err != nil {
			return base, ignoreMissing(err)
		}
		base += info.Size()
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
