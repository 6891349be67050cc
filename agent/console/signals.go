package console

import (
	"bufio"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// inheritNone makes shells begin with the default action of every signal. A signal
// that whoever started the agent left ignored (nohup does, and `&` in a script) would
// be ignored by the shell and everything in it, Ctrl-C too; one that we handle, were
// it only to forget it, is not inherited.
var inheritNone = sync.OnceFunc(func() {
	forget := make(chan os.Signal, 1)
	for _, s := range ignored() {
		signal.Notify(forget, s)
	}
})

// ignored returns the signals that this process ignores.
func ignored() []os.Signal {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var all []os.Signal
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mask, ok := strings.CutPrefix(lines.Text(), "SigIgn:")
		if !ok {
			continue
		}
		bits, _ := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		for n := 1; n <= 64; n++ {
			if bits&(1<<(n-1)) != 0 {
				all = append(all, syscall.Signal(n))
			}
		}
	}
	return all
}
