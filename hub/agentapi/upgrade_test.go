package agentapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/hub/agentapi"
	"github.com/cronium/cronium/hub/release"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	"github.com/cronium/cronium/proto/wire"
)

func publish(t *testing.T, dir, version string, program []byte) {
	t.Helper()
	sum := strings.Repeat("ab", 32)
	for name, text := range map[string][]byte{
		"VERSION": []byte(version), "SHA256SUMS": fmt.Appendf(nil, "%[1]s  cronium-agent-linux-amd64\n%[1]s  cronium-runner-linux-amd64\n", sum),
		"cronium-agent-linux-amd64": program, "cronium-runner-linux-amd64": program,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *agent) beat(t *testing.T, in *agentv1.HeartbeatRequest) *agentv1.HeartbeatResponse {
	t.Helper()
	out, err := a.hub.Heartbeat(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHeartbeatsCarryDrainingBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent(t, "a")
	if a.hello.GetDraining() || a.hello.Draining == nil {
		t.Fatalf("Hello says draining %v", a.hello.Draining)
	}
	if out := a.beat(t, &agentv1.HeartbeatRequest{FreeSlots: 0, Draining: proto.Bool(true)}); !out.GetDraining() {
		t.Fatal("the hub does not repeat what it was told")
	}
	w.start(t, 1)
	if err := w.fleet.SetDraining(t.Context(), w.admin, w.project, a.name, false); err != nil {
		t.Fatal(err)
	}
	if out := a.beat(t, &agentv1.HeartbeatRequest{FreeSlots: 16}); out.GetDraining() {
		t.Fatal("the hub says draining after it was resumed there")
	}
	a.next(t) // and it is given work again
}

func TestAnOrderIsRepeatedUntilItIsObeyedOrRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	publish(t, dir, "v2", program)
	w := newWorld(t, func(c *agentapi.Config) { c.Downloads = release.In(dir) })
	a := w.agent(t, "a")
	if out := a.beat(t, &agentv1.HeartbeatRequest{}); len(out.GetUpgrade()) > 0 {
		t.Fatal("an order that nobody gave")
	}
	if err := w.fleet.Upgrade(t.Context(), w.admin, w.project, a.name, "v2"); err != nil {
		t.Fatal(err)
	}
	again := w.connect(t, a.identity, greeting(16))
	keys := payload.Keys(a.resp.GetSigningKeys())
	for range 2 {
		order, err := keys.OpenUpgrade(again.beat(t, &agentv1.HeartbeatRequest{}).GetUpgrade())
		if err != nil || order.Version != "v2" || order.AgentID != a.id.String() || order.Agent.Name != "cronium-agent-linux-amd64" {
			t.Fatalf("order = %+v, %v", order, err)
		}
	}

	got, err := download(t, w, again, "cronium-agent-linux-amd64", again.hello.GetEpoch())
	if err != nil || !bytes.Equal(got, program) {
		t.Fatalf("Download = %d bytes, %v; want the %d of the program", len(got), err, len(program))
	}
	if _, err := download(t, w, again, "../../etc/passwd", again.hello.GetEpoch()); !errors.Is(wire.Problem(err), release.ErrUnknown) {
		t.Errorf("Download of something else = %v, want ErrUnknown", err)
	}
	if _, err := download(t, w, again, "cronium-agent-linux-amd64", again.hello.GetEpoch()-1); err == nil {
		t.Error("Download in a session that has ended")
	}

	refused := &agentv1.HeartbeatRequest{UpgradeFailure: &agentv1.UpgradeFailure{Version: "v2", Problem: "no space"}}
	if out := again.beat(t, refused); len(out.GetUpgrade()) > 0 {
		t.Error("the order is repeated after it was refused")
	}
	host, err := w.fleet.Agent(t.Context(), w.project, a.name)
	if err != nil || host.UpgradeProblem != "no space" {
		t.Errorf("the host says %q, %v", host.UpgradeProblem, err)
	}

	publish(t, dir, "v3", program) // what was wanted is no longer there
	if err := w.fleet.Upgrade(t.Context(), w.admin, w.project, a.name, "v2"); err != nil {
		t.Fatal(err)
	}
	third := w.connect(t, a.identity, greeting(16))
	if out := third.beat(t, &agentv1.HeartbeatRequest{}); len(out.GetUpgrade()) > 0 {
		t.Error("an order for a version that the hub does not have")
	}
	if host, err = w.fleet.Agent(t.Context(), w.project, a.name); err != nil || !strings.Contains(host.UpgradeProblem, "v3") {
		t.Errorf("the host says %q, %v; want that the hub has v3", host.UpgradeProblem, err)
	}
}

func download(t *testing.T, w *world, a *agent, name string, epoch int64) ([]byte, error) {
	t.Helper()
	conn := w.dial(t, a.identity, wire.ALPNData)
	stream, err := agentv1.NewHubDataServiceClient(conn.Client()).Download(wire.WithEpoch(t.Context(), epoch), &agentv1.DownloadRequest{Name: name})
	if err != nil {
		return nil, err
	}
	var all []byte
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, in.GetData()...)
	}
}
