// Command cronium-runner runs one script for cronium-agent. It is started by the
// agent, not by people.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cronium/cronium/agent/runner"
)

var version = "dev"

func main() {
	runtime.LockOSThread()
	if len(os.Args) != 2 || (!filepath.IsAbs(os.Args[1]) && os.Args[1] != runner.Later) {
		if len(os.Args) == 2 && os.Args[1] == "--version" {
			fmt.Println("cronium-runner " + version)
			return
		}
		fmt.Fprintln(os.Stderr, "error: cronium-runner is started by cronium-agent\nhint: run `cronium-agent run --help`")
		os.Exit(2)
	}
	if err := runner.Main(context.Background(), os.Args[1], os.Stdin, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
}
