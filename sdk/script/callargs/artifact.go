package callargs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// files are the calls that move a file.
var files = map[string]func(Call, asker) error{"artifact.put": put, "artifact.get": get}

// maxChunk bounds what a runner may ask for, because a request is bounded.
const maxChunk = 768 << 10

// put sends a file: as many bytes as it has when it is opened.
func put(c Call, ask asker) error {
	var in struct {
		Name string `json:"name"`
		File string `json:"file"`
	}
	if err := c.into(&in); err != nil {
		return err
	}
	f, size, err := openFile(in.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var begun struct {
		Upload     string `json:"upload"`
		ChunkBytes int64  `json:"chunk_bytes"`
	}
	if err := ask.call("artifact.begin", &begun, "name", in.Name, "size", size); err != nil {
		return err
	}
	if begun.ChunkBytes < 1 || begun.ChunkBytes > maxChunk {
		return fmt.Errorf("chunks of %d bytes are asked for", begun.ChunkBytes)
	}
	sum := sha256.New()
	err = ask.write(io.TeeReader(f, sum), size, begun.Upload, begun.ChunkBytes)
	if err == nil {
		err = ask.call("artifact.commit", nil, "upload", begun.Upload, "sha256", hex.EncodeToString(sum.Sum(nil)))
	}
	if err != nil {
		_ = ask.call("artifact.drop", nil, "upload", begun.Upload) // or the hub forgets it by itself
	}
	return err
}

// openFile opens a regular file, and waits for nobody who could write to a pipe.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, ErrUnreadable.With("%v", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, ErrUnreadable.With("%v", err)
	}
	return f, info.Size(), nil
}

func (ask asker) write(r io.Reader, size int64, upload string, chunk int64) error {
	buffer := make([]byte, min(chunk, size))
	for offset := int64(0); offset < size; offset += chunk {
		data := buffer[:min(chunk, size-offset)]
		switch _, err := io.ReadFull(r, data); {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return ErrChanged.With("it had %d bytes when it was opened, and has less than %d now", size, offset+int64(len(data)))
		case err != nil:
			return ErrUnreadable.With("%v", err)
		}
		if err := ask.call("artifact.write", nil, "upload", upload, "offset", offset, "data", data); err != nil {
			return err
		}
	}
	return nil
}

// get receives an artifact into a file, which appears when all of it is there.
func get(c Call, ask asker) error {
	var in struct {
		Name string  `json:"name"`
		File string  `json:"file"`
		Run  *string `json:"run"`
	}
	if err := c.into(&in); err != nil {
		return err
	}
	what := []any{"name", in.Name}
	if in.Run != nil {
		what = append(what, "run", *in.Run)
	}
	var found remote
	if err := ask.call("artifact.open", &found, what...); err != nil {
		return err
	}
	if info, err := os.Stat(in.File); err == nil && !info.Mode().IsRegular() {
		return ErrUnwritable.With("%s is there and is no regular file", in.File)
	}
	f, err := os.CreateTemp(filepath.Dir(in.File), ".cronium-*")
	if err != nil {
		return ErrUnwritable.With("%v", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // which is gone when all went well
	err = ask.read(f, found)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = ErrUnwritable.With("%v", closeErr)
	}
	if err == nil {
		err = publish(f.Name(), in.File)
	}
	return err
}

// remote is an artifact at the hub.
type remote struct {
	Artifact   string `json:"artifact"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"`
	ChunkBytes int64  `json:"chunk_bytes"`
}

func (ask asker) read(w io.Writer, from remote) error {
	sum := sha256.New()
	for offset := int64(0); offset < from.Size; {
		var data []byte
		if err := ask.call("artifact.read", &data, "artifact", from.Artifact, "offset", offset); err != nil {
			return err
		}
		if want := min(from.ChunkBytes, from.Size-offset); int64(len(data)) != want || want < 1 {
			return ErrDamaged.With("%d bytes came at %d, not %d", len(data), offset, want)
		}
		sum.Write(data)
		if _, err := w.Write(data); err != nil {
			return ErrUnwritable.With("%v", err)
		}
		offset += int64(len(data))
	}
	return verify(sum, from.SHA256)
}

func verify(sum hash.Hash, want string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return ErrDamaged.With("it has the SHA-256 %s, not %s", got, want)
	}
	return nil
}

// publish puts a file in its place, with the mode that a new one would have.
func publish(from, to string) error {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	if err := os.Chmod(from, os.FileMode(0o666&^mask)); err != nil { //nolint:gosec // the script's own umask
		return ErrUnwritable.With("%v", err)
	}
	if err := os.Rename(from, to); err != nil {
		return ErrUnwritable.With("%v", err)
	}
	return nil
}

// into reads the arguments that were given, which must be those of v and no others.
func (c Call) into(v any) error {
	args := c.Object
	if args == nil {
		args = encode(c.Args)
	}
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return ErrArgs.With("%v", err)
	}
	return nil
}

// call makes one request of names and values, and reads its value into out, unless
// that is nil.
func (ask asker) call(name string, out any, pairs ...any) error {
	c := Call{Name: name, Args: map[string]json.RawMessage{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Args[pairs[i].(string)] = encode(pairs[i+1]) //nolint:forcetypeassert // written in this file
	}
	value, err := c.send(ask)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(value, out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
