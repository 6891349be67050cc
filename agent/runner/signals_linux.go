package runner

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	lastSignal = 64
	sigIgn     = 1
)

// sigaction is the kernel's own structure, which begins with the handler on every
// architecture; what follows differs, and zeros mean nothing special in all of it.
type sigaction struct {
	handler uintptr
	rest    [4]uintptr
}

// unignoreSignals gives every signal that our parent left ignored its default
// action, because the script would inherit it. Go's runtime does so only for those
// that it handles: not for job control, the C library's own and real time.
func unignoreSignals() error {
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		var now, def sigaction
		if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&now)), lastSignal/8, 0, 0); errno != 0 {
			return fmt.Errorf("ask how signal %d is handled: %w", sig, errno)
		}
		if now.handler != sigIgn {
			continue
		}
		if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&def)), 0, lastSignal/8, 0, 0); errno != 0 {
			return fmt.Errorf("give signal %d its default action: %w", sig, errno)
		}
	}
	return nil
}
