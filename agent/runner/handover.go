package runner

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Words is the file in the attempt's directory that has what a runner says on its
// standard output and error.
const Words = "runner.log"

// maxHandover bounds what a runner reads from stdin.
const maxHandover = 16 << 20

var errHandover = errors.New("the handover is incomplete: the agent died while it wrote it")

// WriteHandover writes h for [ReadHandover], with its length and digest in front:
// a runner whose agent died halfway must not start a script without its secrets.
func WriteHandover(w io.Writer, h *runnerv1.Handover) error {
	body, err := proto.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode the handover: %w", err)
	}
	sum := sha256.Sum256(body)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, sum[:]...), body...)
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("hand over to the runner: %w", err)
	}
	return nil
}

// ReadHandover reads what [WriteHandover] wrote.
func ReadHandover(r io.Reader) (*runnerv1.Handover, error) {
	var head [4 + sha256.Size]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, errHandover
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n > maxHandover {
		return nil, fmt.Errorf("a handover of %d bytes, the limit is %d", n, maxHandover)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, errHandover
	}
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], head[4:]) {
		return nil, errHandover
	}
	h := &runnerv1.Handover{}
	if err := proto.Unmarshal(body, h); err != nil {
		return nil, fmt.Errorf("decode the handover: %w", err)
	}
	return h, nil
}
