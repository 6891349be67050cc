package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/boot"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// The checks of a probe, in order.
const (
	checkDNS       = "dns"
	checkTCP       = "tcp"
	checkHostKey   = "host_key"
	checkAuth      = "auth"
	checkShell     = "shell"
	checkDirectory = "directory"
	checkRunner    = "runner"
)

// probe is one look at a server, step by step.
type probe struct {
	x     *Executor
	link  link
	hop   hop
	since time.Duration // the last check, on the boot clock
	out   *agentv1.ProbeResponse
}

// Probe connects to a server with a connection of its own, and says what it finds
// until something is wrong. What it tries there it removes. It is not held up by
// earlier failures: somebody waits for the answer.
func (x *Executor) Probe(ctx context.Context, in *agentv1.ProbeRequest) *agentv1.ProbeResponse {
	p := &probe{x: x, since: boot.Now(), out: &agentv1.ProbeResponse{}}
	defer p.link.close()
	w, err := wayTo(in.GetServer(), in.GetCredentials())
	if err == nil && len(w) == 0 {
		err = ErrServer.With("none is named")
	}
	if err != nil {
		p.fail(checkDNS, err)
		return p.out
	}
	p.hop = w.server()
	if p.reach(ctx, w[:len(w)-1]) {
		p.use(ctx)
	}
	return p.out
}

func (p *probe) add(c *agentv1.Check) {
	now := boot.Now()
	c.Took = durationpb.New(now - p.since)
	p.since = now
	p.out.Checks = append(p.out.Checks, c)
}

func (p *probe) pass(name, format string, args ...any) {
	p.add(&agentv1.Check{Name: name, Ok: true, Detail: fmt.Sprintf(format, args...)})
}

func (p *probe) fail(name string, err error) {
	found, ok := problem.As(err)
	if !ok {
		found = ErrUnreachable.With("%v", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		found = ErrUnreachable.With("There was no answer in time")
	}
	p.add(&agentv1.Check{Name: name, Detail: found.Detail,
		Problem: &agentv1.Problem{Code: found.Code, Title: found.Title, Detail: found.Detail, Hint: found.Hint}})
}

// reach connects and shows the credential.
func (p *probe) reach(ctx context.Context, jumps way) bool {
	if len(jumps) == 0 {
		if err := p.resolve(ctx); err != nil {
			p.fail(checkDNS, err)
			return false
		}
	} else {
		for _, jump := range jumps {
			if err := p.link.extend(ctx, jump); err != nil {
				p.fail(checkTCP, err)
				return false
			}
		}
		p.pass(checkDNS, "%s finds the address", jumps.server())
	}
	conn, err := p.link.dial(ctx, p.hop)
	if err != nil {
		p.fail(checkTCP, err)
		return false
	}
	p.pass(checkTCP, "connected to %s", p.hop.addr)
	return p.greet(ctx, conn)
}

func (p *probe) resolve(ctx context.Context) error {
	host, _, err := net.SplitHostPort(p.hop.addr)
	if err != nil {
		return ErrServer.With("%v", err)
	}
	if net.ParseIP(host) != nil {
		p.pass(checkDNS, "%s is an address", host)
		return nil
	}
	timed, stop := context.WithTimeout(ctx, dialLimit)
	defer stop()
	found, err := net.DefaultResolver.LookupHost(timed, host)
	if err != nil {
		return ErrUnreachable.With("%v", err).Hinted("Check the name, and that the agent's host can resolve it.")
	}
	p.pass(checkDNS, "%s is %s", host, strings.Join(found, ", "))
	return nil
}

// greet checks the host's key and, if it is confirmed, the credential.
func (p *probe) greet(ctx context.Context, conn net.Conn) bool {
	seen := false
	err := p.link.greet(ctx, conn, p.hop, func(key ssh.PublicKey) error {
		seen = true
		p.out.HostKey = key.Marshal()
		err := p.hop.checkKey(key)
		if err != nil {
			p.fail(checkHostKey, err)
			return err
		}
		p.pass(checkHostKey, "%s %s", key.Type(), ssh.FingerprintSHA256(key))
		return nil
	})
	switch {
	case err == nil:
		p.pass(checkAuth, "%s may log in", p.hop.user)
		return true
	case len(p.out.GetChecks()) > 0 && p.out.Checks[len(p.out.Checks)-1].GetProblem() != nil: // told above
	case seen, errors.Is(err, ErrKey), errors.Is(err, ErrCredentials):
		p.fail(checkAuth, err)
	default:
		p.fail(checkHostKey, err)
	}
	return false
}

// use looks at what there is behind the login.
func (p *probe) use(ctx context.Context) {
	a, err := p.x.lookAt(ctx, p.link.last(), "facts")
	if err != nil {
		p.fail(checkShell, err)
		return
	}
	p.pass(checkShell, "%s on %s, %s", a["os"], a["hostname"], a["arch"])
	dir, err := directory(a)
	if err != nil {
		p.fail(checkDirectory, err)
		return
	}
	p.pass(checkDirectory, "%s", dir)
	b, err := p.x.system(a)
	if err != nil {
		p.fail(checkRunner, err)
		return
	}
	if a["sum"] == b.sum {
		p.pass(checkRunner, "the runner is there")
	} else {
		p.pass(checkRunner, "the runner will be uploaded, %.1f MB", float64(b.size)/1e6)
	}
	p.out.Facts = factsOf(a)
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// factsOf are the facts among a server's answers.
func factsOf(a answers) *agentv1.ServerFacts {
	f := &agentv1.Facts{Hostname: a["hostname"], Os: strings.ToLower(a["os"]), Arch: arches[a["arch"]], Kernel: a["kernel"],
		Distribution: a["distribution"], Cpus: int32(number(a["cpus"], 1, 1<<20)), MemoryBytes: number(a["memory"], 1<<10, 1<<60),
		Interpreters: map[string]string{}}
	for name, program := range map[string]string{"bash": "bash", "python": "python3", "node": "node", "docker": "docker"} {
		if version := versionNumber.FindString(a["has-"+program]); version != "" {
			f.Interpreters[name] = version
		}
	}
	out := &agentv1.ServerFacts{Facts: f}
	if disk := strings.Fields(a["disk"]); len(disk) >= 4 { // file system, size, used, free, in KiB
		out.DiskBytes, out.DiskFreeBytes = number(disk[1], 1<<10, 1<<60), number(disk[3], 1<<10, 1<<60)
	}
	return out
}

// number is a number of units that a server has told; 0 if it cannot be.
func number(text string, unit, limit int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > limit/unit {
		return 0
	}
	return n * unit
}
