// Command cronium-runner runs one script for cronium-agent. It is started by the
// agent, not by people. Scripts start it as `cronium-runner call` to use the API of
// their run.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/runner"
)

var version = "dev"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "call" {
		os.Exit(call.Main(os.Args[2:], os.Getenv("CRONIUM_SOCKET"), os.Stdin, os.Stdout, os.Stderr))
	}
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
