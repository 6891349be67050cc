package agentapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/frame"
)

var frameTime = time.UnixMicro(1_700_000_000_000_000)

func success(ref *agentv1.AttemptRef) *agentv1.Result {
	return &agentv1.Result{Ref: ref, Outcome: agentv1.Outcome_OUTCOME_SUCCEEDED}
}

// Whatever an agent sends, reading it gives values or a problem.
func FuzzMessages(f *testing.F) {
	ref := &agentv1.AttemptRef{RunId: "0190163d-8694-739b-aea5-966c26f8ad91", Attempt: 1, Fence: 1}
	for _, m := range []proto.Message{
		&agentv1.HelloRequest{Held: []*agentv1.Held{{Ref: ref, Phase: 1}}, Facts: &agentv1.Facts{Hostname: "h"}},
		&agentv1.AcceptRequest{Attempts: []*agentv1.AttemptRef{ref, nil}},
		&agentv1.ReportRequest{Started: []*agentv1.Started{{Ref: ref}}, Results: []*agentv1.Result{success(ref)}},
		&agentv1.UploadRequest{Ref: ref, Frames: frame.Append(nil, frame.Stdout, frameTime, []byte("x"))},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(m proto.Message, use func() error) {
			if proto.Unmarshal(b, m) != nil {
				return
			}
			if err := use(); err != nil && !errors.Is(err, ErrMessage) && !errors.Is(err, ErrFrames) {
				t.Fatalf("%T: %v", m, err)
			}
		}
		var hello agentv1.HelloRequest
		read(&hello, func() error { toFacts(hello.GetFacts()); _, err := toHeld(hello.GetHeld()); return err })
		var accept agentv1.AcceptRequest
		read(&accept, func() error { _, err := toRefs(accept.GetAttempts()); return err })
		var report agentv1.ReportRequest
		read(&report, func() error { _, _, err := toReport(&report); return err })
		var upload agentv1.UploadRequest
		read(&upload, func() error { _, err := toPiece(&upload); return err })
	})
}

func TestLoneQuestionIsAskedAtOnceAndManyTogether(t *testing.T) {
	var work sync.WaitGroup
	gate, entered := make(chan struct{}), make(chan int, 100)
	b := newBatcher(&work, 10, func(_ context.Context, q []int) ([]int, error) {
		entered <- len(q)
		<-gate
		return q, nil
	})
	var all sync.WaitGroup
	ask := func(n int) {
		all.Go(func() {
			got, err := b.do(context.Background(), []int{n, n})
			if err != nil || len(got) != 2 || got[0] != n || got[1] != n {
				t.Errorf("do(%d) = %v, %v", n, got, err)
			}
		})
	}
	ask(1)
	if n := <-entered; n != 2 {
		t.Fatalf("the first call has %d questions, want 2", n)
	}
	for i := range 7 {
		ask(i + 2)
	}
	for {
		b.mu.Lock()
		n := len(b.waiting)
		b.mu.Unlock()
		if n == 7 {
			break
		}
	}
	close(gate)
	all.Wait()
	if first, second := <-entered, <-entered; first != 10 || second != 4 {
		t.Fatalf("calls of %d and %d questions, want 10 and 4", first, second)
	}
	work.Wait()
}

func TestErrorsAndPanicsReachEveryCallerOfTheBatch(t *testing.T) {
	var work sync.WaitGroup
	for want, ask := range map[error]func(context.Context, []int) ([]int, error){
		ErrPanic:         func(context.Context, []int) ([]int, error) { panic("oh") },
		errShort:         func(context.Context, []int) ([]int, error) { return nil, nil },
		context.Canceled: func(context.Context, []int) ([]int, error) { return nil, fmt.Errorf("x: %w", context.Canceled) },
	} {
		if _, err := newBatcher(&work, 1, ask).do(context.Background(), []int{1}); !errors.Is(err, want) {
			t.Errorf("do = %v, want %v", err, want)
		}
	}
	work.Wait()
}
