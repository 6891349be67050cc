package executortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const shelfChunk = 512 << 10

// shelf is a hub's part in putting and getting one artifact.
type shelf struct {
	t *testing.T

	mu     sync.Mutex
	data   []byte
	chunks int
	sum    string
}

func (s *shelf) answer(_ context.Context, c *runnerv1.Call) *runnerv1.Answer {
	var in struct {
		Offset int    `json:"offset"`
		Data   []byte `json:"data"`
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(c.GetArgsJson(), &in); err != nil {
		s.t.Errorf("%s: %v", c.GetName(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var value any
	switch c.GetName() {
	case "artifact.begin":
		value = map[string]any{"upload": "u", "chunk_bytes": shelfChunk}
	case "artifact.write":
		if in.Offset == len(s.data) { // it may come again
			s.data = append(s.data, in.Data...)
			s.chunks++
		}
	case "artifact.commit":
		s.sum = in.SHA256
	case "artifact.open":
		value = map[string]any{"artifact": "a", "size": len(s.data), "sha256": s.sum, "chunk_bytes": shelfChunk}
	case "artifact.read":
		value = s.data[in.Offset:min(in.Offset+shelfChunk, len(s.data))]
	default:
		s.t.Errorf("the script calls %s", c.GetName())
	}
	text, err := json.Marshal(value)
	if err != nil {
		s.t.Error(err)
	}
	return &runnerv1.Answer{ValueJson: text}
}

// scriptKeepsAFile sends more than a chunk through the executor, and back.
func (s suite) scriptKeepsAFile(t *testing.T) {
	r, e := s.start(t, Case{Source: `set -euo pipefail
head -c 1600000 /dev/zero | tr '\0' k >file
printf end >>file
"$CRONIUM_RUNNER" call artifact.put 'name=ü 1' file=file >&2
"$CRONIUM_RUNNER" call artifact.get 'name=ü 1' file=back >&2
wc -c <back
tail -c 4 back`})
	hub := &shelf{t: t}
	attend(t, r, hub.answer)
	exit, log := Result(t, r, e)
	expect(t, exit, journal.Succeeded, "")
	want := append(bytes.Repeat([]byte("k"), 1_600_000), "end"...)
	if !bytes.Equal(hub.data, want) || hub.chunks != 4 || hub.sum != fmt.Sprintf("%x", sha256.Sum256(want)) {
		t.Errorf("%d bytes in %d chunks came, with the SHA-256 %s", len(hub.data), hub.chunks, hub.sum)
	}
	if got := string(log.Out); got != "1600003\nkend" {
		t.Errorf("the script printed %q; errors: %s", got, log.Err)
	}
}
