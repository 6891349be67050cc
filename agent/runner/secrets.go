package runner

import (
	"bytes"
	"strings"
	"sync"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/mask"
	"github.com/cronium/cronium/proto/frame"
	"github.com/cronium/cronium/sdk/problem"
)

// secrets are the values that must not appear in the log. The script may learn more
// of them while it runs.
type secrets struct {
	mu     sync.Mutex
	values [][]byte
	set    *mask.Set
}

func newSecrets(values [][]byte) *secrets { return &secrets{values: values, set: mask.New(values)} }

// add masks a value in all that is written from now on.
func (s *secrets) add(l *outputLog, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.values {
		if bytes.Equal(known, value) {
			return
		}
	}
	before := s.set.Skipped()
	s.values = append(s.values, value)
	s.set = mask.New(s.values)
	l.Mask(s.set)
	if n := s.set.Skipped() - before; n > 0 {
		l.Note(tooMuchToMask, n)
	}
}

const tooMuchToMask = "the secrets of this run are too large: %d encoded forms of them are not masked"

// Mask masks with another set from now on, which recognises more.
func (l *outputLog) Mask(set *mask.Set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.lines {
		if s := &l.lines[i]; s.mask != nil {
			s.mask.Switch(set)
		}
	}
}

// Line adds a line of the script's to a stream, on a line of its own.
func (l *outputLog) Line(stream frame.Stream, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.lines[stream]
	if s.open || len(s.pending) > 0 || s.mask.Held() > 0 {
		text = "\n" + text
	}
	l.write(s, []byte(text+"\n"))
}

var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// log is the call of that name.
func (a *api) log(args []byte) ([]byte, *problem.Problem) {
	var in struct {
		Level   string  `json:"level"`
		Message *string `json:"message"`
	}
	if p := call.Decode(args, &in); p != nil {
		return nil, p
	}
	stream := frame.Stdout
	switch in.Level {
	case "debug", "info":
	case "warn", "error":
		stream = frame.Stderr
	default:
		return nil, call.ErrArgs.With("level must be debug, info, warn or error, not %.64q", in.Level)
	}
	if in.Message == nil {
		return nil, call.ErrArgs.With("message is missing")
	}
	if out := a.run.out.Load(); out != nil {
		out.settle()
	}
	a.run.log.Line(stream, "["+in.Level+"] "+oneLine.Replace(*in.Message))
	return call.Null, nil
}
