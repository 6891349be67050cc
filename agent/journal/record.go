package journal

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/boot"
)

// Ref names one attempt.
type Ref struct {
	RunID   string `json:"run"` // canonical text of a UUID
	Attempt int32  `json:"attempt"`
	Fence   int64  `json:"fence"`
}

// String is for logs and the name of the attempt's directory.
func (r Ref) String() string { return r.RunID + "." + strconv.Itoa(int(r.Attempt)) }

// Valid reports whether r can name a directory and an attempt.
func (r Ref) Valid() bool {
	id, err := uuid.Parse(r.RunID)
	return err == nil && id.String() == r.RunID && r.Attempt > 0 && r.Fence > 0
}

func refOfDir(dir string) (Ref, bool) {
	run, attempt, ok := strings.Cut(filepath.Base(dir), ".")
	n, err := strconv.ParseInt(attempt, 10, 32)
	r := Ref{RunID: run, Attempt: int32(n), Fence: 1}
	return r, ok && err == nil && r.Valid()
}

// Intent says that an attempt is about to be launched.
type Intent struct {
	Ref
	Kind   string        `json:"kind"`         // the executor's
	BootID string        `json:"boot_id"`      // set by [Journal.Create], as is At
	At     time.Duration `json:"at,omitempty"` // on the boot clock of BootID
}

// Started says who has decided that the attempt runs, or that it never will.
type Started struct {
	Abandoned bool          `json:"abandoned,omitempty"`
	Runner    boot.Process  `json:"runner"`
	At        time.Duration `json:"at"`                // on the boot clock
	Cgroups   []string      `json:"cgroups,omitempty"` // directories of the script's control groups
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes. They are those of proto/agent/v1.
const (
	Succeeded      Outcome = "succeeded"
	Failed         Outcome = "failed"
	TimedOut       Outcome = "timed_out"
	Cancelled      Outcome = "cancelled"
	NotStarted     Outcome = "not_started" // proven: nothing ran
	Infrastructure Outcome = "infrastructure"
	Rejected       Outcome = "rejected"
)

// Problem is a problem as it lies on disk.
type Problem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// Exit is the result of an attempt.
type Exit struct {
	Outcome  Outcome       `json:"outcome"`
	Code     int           `json:"code"`
	Signal   string        `json:"signal,omitempty"` // "KILL"
	Duration time.Duration `json:"duration"`
	LogBytes int64         `json:"log_bytes"`               // framed
	Dropped  int64         `json:"dropped_bytes,omitempty"` // of the script's output
	Install  time.Duration `json:"install,omitempty"`       // until the script's dependencies were there
	Collect  time.Duration `json:"collect,omitempty"`       // from the script's end to this result
	Problem  *Problem      `json:"problem,omitempty"`       // unless it succeeded
	BootID   string        `json:"boot_id"`
	EndedAt  time.Duration `json:"ended_at"` // on the boot clock of BootID
	WallTime time.Time     `json:"wall_time"`
}

// Age is how long ago the attempt ended. Across a reboot only the wall clock can
// tell.
func (e Exit) Age(now func() time.Time) time.Duration {
	if e.BootID == boot.ID() {
		return max(0, boot.Now()-e.EndedAt)
	}
	return max(0, now().Sub(e.WallTime))
}

// maxRecord is the size of `exit`, reserved before a script may fill the disk.
const maxRecord = 4096

// encodeExit returns e as it lies on disk. Texts are cut until it fits.
func encodeExit(e Exit) ([]byte, error) {
	for limit := 2000; ; limit /= 2 {
		if e.Problem != nil {
			p := *e.Problem
			p.Detail, p.Hint, p.Title = cut(p.Detail, limit), cut(p.Hint, limit/2), cut(p.Title, limit/4)
			e.Problem = &p
		}
		b, err := json.Marshal(e)
		if err != nil || len(b) <= maxRecord {
			return b, err
		}
		if limit == 0 {
			return nil, fmt.Errorf("result of %d bytes, the limit is %d", len(b), maxRecord)
		}
	}
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// Digest identifies the content of an exit record.
func Digest(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return sum[:]
}
