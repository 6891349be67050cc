package runner

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// deadline returns a channel that is closed after d on CLOCK_BOOTTIME, which goes
// on while the host sleeps, as Go's own timers do not. The timer lives as long as
// the process.
func deadline(d time.Duration) (<-chan struct{}, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the deadline's timer: %w", err)
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	if err := unix.TimerfdSettime(fd, 0, &spec, nil); err != nil {
		return nil, fmt.Errorf("set the deadline's timer: %w", err)
	}
	f, over := os.NewFile(uintptr(fd), "timerfd"), make(chan struct{})
	go func() {
		var count [8]byte
		if n, err := f.Read(count[:]); err == nil && n == 8 && binary.NativeEndian.Uint64(count[:]) > 0 {
			close(over)
		}
	}()
	return over, nil
}
