//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// resizes rings whenever the terminal has another size, until stop is called.
func resizes() (bell <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}
