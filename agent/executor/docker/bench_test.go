package docker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
)

// BenchmarkOverTheBareAPI is goal 12 of the performance page: a run in a container,
// from its order to its result, over create, start, wait and remove of the same image
// by the bare API, in turn. The figure to read is x-floor.
func BenchmarkOverTheBareAPI(b *testing.B) {
	engine := dockertest.Start(b)
	x := executortest.Running(b, create(b))
	var floor, ours []time.Duration
	for b.Loop() {
		floor = append(floor, bare(b, engine))
		ours = append(ours, contained(b, x))
	}
	report(b, floor, ours)
}

// bare runs the same script without us.
func bare(b *testing.B, engine *dockertest.Engine) time.Duration {
	b.Helper()
	began := time.Now()
	made, err := engine.Client.ContainerCreate(b.Context(), &container.Config{Image: dockertest.Image, Cmd: []string{"bash", "-c", "echo ran"}},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	ended, failed := engine.Client.ContainerWait(b.Context(), made.ID, container.WaitConditionNextExit)
	if err := engine.Client.ContainerStart(b.Context(), made.ID, container.StartOptions{}); err != nil {
		b.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-failed:
		b.Fatal(err)
	}
	if err := engine.Client.ContainerRemove(b.Context(), made.ID, container.RemoveOptions{}); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func contained(b *testing.B, x executor.Executor) time.Duration {
	b.Helper()
	a := executortest.Attempt(b, executortest.Journal(b, ""), x.Kind(), executortest.Case{Source: "echo ran", Change: prepare})
	began := time.Now()
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
	return took
}

// report says the medians, in milliseconds, and how they compare.
func report(b *testing.B, floor, ours []time.Duration) {
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
