package run

import (
	"encoding/json"
	"slices"
	"time"
)

const (
	maxBackoff = time.Hour
	// A run that was handed back this often without anything started ends as failed.
	maxMisses = 20
)

// Retry says which attempts are followed by another. The zero value: none is.
type Retry struct {
	Max     int           `json:"max"`               // attempts after the first
	Backoff string        `json:"backoff,omitempty"` // fixed (default), linear, exponential
	Delay   time.Duration `json:"delay,omitempty"`   // before the first retry
	On      []Outcome     `json:"on,omitempty"`      // default: failed (also infrastructure) and timed_out
}

// covers reports whether outcome o may be tried again at all.
func (r Retry) covers(o Outcome) bool {
	if o == OutcomeInfrastructure {
		o = OutcomeFailed
	}
	if len(r.On) == 0 {
		return o == OutcomeFailed || o == OutcomeTimedOut
	}
	return slices.Contains(r.On, o)
}

// wait is the pause before retry n, counted from 1.
func (r Retry) wait(n int) time.Duration {
	limit := max(maxBackoff, r.Delay)
	d := r.Delay
	switch r.Backoff {
	case "linear":
		d = r.Delay * time.Duration(n)
	case "exponential":
		for i := 1; i < n && d < limit; i++ {
			d *= 2
		}
	}
	return min(d, limit)
}

// missWait is the pause after the nth time that a run was handed back: nothing the
// first time, then from 200 ms to 30 s.
func missWait(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return min(100*time.Millisecond<<min(n-1, 20), 30*time.Second)
}

func (r Retry) encode() json.RawMessage {
	if r.Max <= 0 {
		return json.RawMessage("null")
	}
	b, _ := json.Marshal(r) // a struct of numbers and texts
	return b
}

func decodeRetry(raw json.RawMessage) (Retry, error) {
	var r Retry
	if len(raw) == 0 {
		return r, nil
	}
	err := json.Unmarshal(raw, &r)
	return r, err
}
