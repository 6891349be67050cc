package ssh_test

import (
	"net"
	"slices"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/agent/journal"
)

// BenchmarkOverABareExec is goal 13 of the performance page: a run on a kept
// connection, from its order to its result, over the bare exec of the same script in a
// new session on a connection that is open, in turn. The figure to read is x-floor.
func BenchmarkOverABareExec(b *testing.B) {
	server := sshtest.Start(b)
	x := executortest.Running(b, create(b, config(b, server.Credential())))
	connection := connect(b, server)
	var floor, ours []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		session, err := connection.NewSession()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := session.Output("bash -c 'echo ran'"); err != nil {
			b.Fatal(err)
		}
		bare := time.Since(began)
		a := executortest.Attempt(b, executortest.Journal(b, ""), x.Kind(), executortest.Case{Source: "echo ran", Change: on(server.Proto())})
		began = time.Now()
		r, err := x.Start(executortest.Context(b), a)
		if err != nil {
			b.Fatal(err)
		}
		exit, _ := executortest.Result(b, r, a.Entry)
		took := time.Since(began)
		r.Close()
		if exit.Outcome != journal.Succeeded {
			b.Fatalf("%+v", exit)
		}
		if i > 0 { // the first one brings the runner
			floor, ours = append(floor, bare), append(ours, took)
		}
	}
	if len(ours) == 0 {
		b.Skip("one run only brings the runner; give -benchtime 20x")
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2]) / float64(time.Millisecond)
	}
	f, o := median(floor), median(ours)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(f, "floor-ms")
	b.ReportMetric(o, "ours-ms")
	b.ReportMetric(o/f, "x-floor")
}

func connect(b *testing.B, server *sshtest.Server) *gossh.Client {
	b.Helper()
	key, err := gossh.ParsePrivateKey(server.Credential().GetPrivateKeyPem())
	if err != nil {
		b.Fatal(err)
	}
	host, err := gossh.ParsePublicKey(server.HostKey)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", server.Addr)
	if err != nil {
		b.Fatal(err)
	}
	c, channels, requests, err := gossh.NewClientConn(conn, server.Addr, &gossh.ClientConfig{User: server.User, Auth: []gossh.AuthMethod{gossh.PublicKeys(key)},
		HostKeyCallback: gossh.FixedHostKey(host), Timeout: 10 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	client := gossh.NewClient(c, channels, requests)
	b.Cleanup(func() { _ = client.Close() })
	return client
}
