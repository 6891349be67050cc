//go:build !unix

package main

import "os"

// resizes never rings: this system does not tell.
func resizes() (bell <-chan os.Signal, stop func()) { return nil, func() {} }
