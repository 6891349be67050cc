package sshtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// Apart is a server in a network of its own, whose cable can be pulled: then nothing
// comes through and nothing is answered. It takes root.
type Apart struct {
	*Server

	cable string // our end of it
}

var apart atomic.Int32 // how many there were in this process

// StartApart is [Start] for a server in a network namespace.
func StartApart(t testing.TB, lines ...string) *Apart {
	t.Helper()
	n := (os.Getpid() + int(apart.Add(1))*53) % 250
	space, here, there := fmt.Sprintf("cronium-%d-%d", os.Getpid(), n), fmt.Sprintf("crh%d", n), fmt.Sprintf("crt%d", n)
	addr := fmt.Sprintf("198.18.%d.2", n) // 198.18.0.0/15 is for tests (RFC 2544)
	command(t, "ip", "netns", "add", space)
	t.Cleanup(func() { command(t, "ip", "netns", "delete", space) }) // the cable goes with it
	for _, args := range []string{
		"link add " + here + " type veth peer name " + there + " netns " + space,
		fmt.Sprintf("addr add 198.18.%d.1/24 dev %s", n, here),
		"link set " + here + " up",
		"-n " + space + " addr add " + addr + "/24 dev " + there,
		"-n " + space + " link set " + there + " up",
		"-n " + space + " link set lo up",
	} {
		command(t, "ip", strings.Fields(args)...)
	}
	s, stop, err := start(net.JoinHostPort(addr, "22"), []string{"ip", "netns", "exec", space}, lines)
	if err != nil {
		t.Fatalf("start an SSH server in a network namespace: %v", err)
	}
	t.Cleanup(stop)
	return &Apart{Server: s, cable: here}
}

// Cut pulls the cable.
func (a *Apart) Cut(t testing.TB) { command(t, "ip", "link", "set", a.cable, "down") }

// Mend plugs it in again.
func (a *Apart) Mend(t testing.TB) { command(t, "ip", "link", "set", a.cable, "up") }

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
