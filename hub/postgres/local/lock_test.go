package local

import (
	"context"
	"os/exec"
	"sync"
	"testing"
)

// A child has every file of its parent until its exec, also the locked one.
func TestTheLockIsFreeAtOnceWhateverIsBeingStarted(t *testing.T) {
	s := &Server{dir: t.TempDir()}
	ctx, stop := context.WithCancel(t.Context())
	var starting sync.WaitGroup
	defer starting.Wait()
	defer stop()
	for range 4 {
		starting.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, "true").Run()
			}
		})
	}
	for i := range 1000 {
		if err := s.takeLock(); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		release(s.lock)
	}
}
