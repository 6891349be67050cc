// Command cronium-runner runs one script for cronium-agent, or is its hands on a
// server (`reside DIR`). It is started by the agent, not by people. Scripts start it
// as `cronium-runner call` to use the API of their run.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/executor/ssh/resident"
	"github.com/cronium/cronium/agent/runner"
)

var version = "dev"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "call" {
		os.Exit(call.Main(os.Args[2:], os.Getenv("CRONIUM_SOCKET"), os.Stdin, os.Stdout, os.Stderr))
	}
	runtime.LockOSThread()
	if len(os.Args) == 3 && os.Args[1] == resident.Command {
		end(resident.Main(context.Background(), os.Args[2], os.Stdin, os.Stdout, time.Now))
	}
	if len(os.Args) != 2 || (!filepath.IsAbs(os.Args[1]) && os.Args[1] != runner.Later) {
		if len(os.Args) == 2 && os.Args[1] == "--version" {
			fmt.Println("cronium-runner " + version)
			return
		}
		fmt.Fprintln(os.Stderr, "error: cronium-runner is started by cronium-agent\nhint: run `cronium-agent run --help`")
		os.Exit(2)
	}
	end(runner.Main(context.Background(), os.Args[1], os.Stdin, time.Now))
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}
