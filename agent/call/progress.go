package call

import (
	"context"
	"encoding/json"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	progressEvery = 200 * time.Millisecond
	maxText       = 200 // characters
)

// Progress sends on what a script says of its progress, but not all of it.
type Progress struct {
	ask Answer

	mu     sync.Mutex
	busy   bool   // somebody sends, or has just done so
	latest []byte // to be sent next
	stop   chan struct{}
	work   sync.WaitGroup
}

// NewProgress returns a progress that is sent on with ask. End it with [Progress.End].
func NewProgress(ask Answer) *Progress { return &Progress{ask: ask, stop: make(chan struct{})} }

// Set tells the hub, at once or as soon as the time has come. Only what is told at
// once can fail.
func (p *Progress) Set(ctx context.Context, args []byte) ([]byte, *problem.Problem) {
	if fault := checkProgress(args); fault != nil {
		return nil, fault
	}
	p.mu.Lock()
	if p.busy {
		p.latest = args
		p.mu.Unlock()
		return Null, nil
	}
	p.busy = true
	p.work.Add(1)
	p.mu.Unlock()
	value, fault := p.ask(ctx, "progress.set", args)
	go func() {
		defer p.work.Done()
		p.follow(context.WithoutCancel(ctx))
	}()
	return value, fault
}

// follow sends the latest while there is one.
func (p *Progress) follow(ctx context.Context) {
	for {
		select {
		case <-time.After(progressEvery):
		case <-p.stop:
		}
		p.mu.Lock()
		args := p.latest
		p.latest = nil
		p.busy = args != nil
		p.mu.Unlock()
		if args == nil {
			return
		}
		_, _ = p.ask(ctx, "progress.set", args) // overtaken, or the last word of a script that is over
	}
}

// End sends the last one and returns when it was answered, but not later than ctx.
// Nothing may be set any more.
func (p *Progress) End(ctx context.Context) {
	close(p.stop)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.work.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func checkProgress(args []byte) *problem.Problem {
	var in struct {
		Fraction *json.Number `json:"fraction"`
		Text     string       `json:"text"`
	}
	if p := Decode(args, &in); p != nil {
		return p
	}
	if in.Fraction != nil {
		if f, err := in.Fraction.Float64(); err != nil || f < 0 || f > 1 {
			return ErrArgs.With("fraction must be null or a number from 0 to 1, not %s", *in.Fraction)
		}
	}
	if n := utf8.RuneCountInString(in.Text); n > maxText {
		return ErrArgs.With("text has %d characters, at most %d are allowed", n, maxText)
	}
	return nil
}
