package runner

import (
	"runtime"
	"sync"
)

// Threads is how many threads a runner has at most: what a limit on processes that
// covers the runner too must allow on top.
const Threads = 16

// spareThreads, for a runner that is in the same cgroup as its script, makes the threads that the runner may need before a script can take
// the last ones: Go ends a program that cannot have another thread. Threads that are
// not needed at the moment are kept by Go's scheduler.
func spareThreads() {
	var all, here sync.WaitGroup
	here.Add(Threads - 4) // the rest are the runtime's own
	for range Threads - 4 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			here.Done()
			here.Wait()
		})
	}
	all.Wait()
}
