package resident

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/segment"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Window is how many answers of a stream may be on the way. Streams share one
// channel, so none may fill it.
const Window = 8

// Follow implements the service.
func (r *resident) Follow(ctx context.Context, stream runnerv1.ResidentService_FollowServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	ref, err := refOf(first.GetRef())
	if err != nil {
		return err
	}
	a, err := r.attend(ctx, ref)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	release, err := a.turn.take(ctx, stop)
	if err != nil {
		return err
	}
	defer release()
	credits := make(chan struct{}, Window)
	for range Window {
		credits <- struct{}{}
	}
	go func() { // ends with the stream, which ends when we return
		defer stop()
		for {
			if _, err := stream.Recv(); err != nil {
				return
			}
			select {
			case credits <- struct{}{}:
			default: // it was not sent anything
			}
		}
	}()
	return r.pump(ctx, a, first.GetOffset(), credits, stream.Send)
}

// pump sends the log from off on as it grows, and then the result.
func (r *resident) pump(ctx context.Context, a *attended, off int64, credits <-chan struct{}, send func(*runnerv1.FollowResponse) error) error {
	reader := segment.Open(a.entry.Dir)
	defer reader.Close()
	for {
		exit, record, over, err := a.entry.Exit() // before looking: with it the log is complete
		if err != nil {
			return err
		}
		b, err := reader.Chunk(off)
		if err != nil {
			return err
		}
		switch {
		case len(b) > 0:
			if !take(ctx, credits, 1) {
				return nil
			}
			if err := send(&runnerv1.FollowResponse{Offset: off, Frames: b}); err != nil {
				return err
			}
			off += int64(len(b))
			continue
		case over:
			if !take(ctx, credits, Window) { // a message to a stream that has ended is an error to the library
				return nil
			}
			return send(&runnerv1.FollowResponse{Offset: off, Exit: record, Age: durationpb.New(exit.Age(r.now))})
		}
		dead, err := a.died()
		if err != nil {
			return err
		}
		if dead {
			if err := a.bury(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case <-a.running.Grew():
		case <-ctx.Done():
			return nil
		}
	}
}

// take waits for n credits. It returns false when ctx has ended first.
func take(ctx context.Context, credits <-chan struct{}, n int) bool {
	for range n {
		select {
		case <-credits:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// died reports whether the attempt's runner is gone; it may have left a result. If
// the whole directory is gone, that is an error with the code NotFound.
func (a *attended) died() (bool, error) {
	s, ok, err := a.entry.Started()
	if err == nil && !ok {
		if _, statErr := os.Stat(a.entry.Dir); statErr != nil {
			return false, missing(statErr)
		}
	}
	return ok && !s.Runner.Alive(), err
}

// bury writes the result of an attempt whose runner left none. Of several residents
// one does it.
func (a *attended) bury(ctx context.Context) error {
	lock, err := lockDir(a.entry.Dir, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	return a.running.Wait(ctx) // looks for a result first
}

// turn lets one follower at a time follow an attempt: the last that came.
type turn struct {
	mu   sync.Mutex
	stop context.CancelFunc // of who follows, nil if nobody does
	done chan struct{}
}

// take ends who follows, waits for that, and makes stop what ends its new owner. It
// returns what gives the turn back.
func (t *turn) take(ctx context.Context, stop context.CancelFunc) (release func(), err error) {
	for {
		t.mu.Lock()
		if t.stop == nil {
			t.stop, t.done = stop, make(chan struct{})
			t.mu.Unlock()
			return t.release, nil
		}
		last, done := t.stop, t.done
		t.mu.Unlock()
		last()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.done)
	t.stop, t.done = nil, nil
}
