package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
)

// measureIdle is goal 19: what the hub costs with an idle agent connected and nothing
// to do, after it has worked and settled for a minute.
func measureIdle(ctx context.Context, b *bench) ([]row, error) {
	m, err := b.binaries(ctx)
	if err != nil {
		return nil, err
	}
	if m.lastWork.IsZero() {
		m.used()
	}
	settling := time.Duration(b.pick(60, 5)) * time.Second
	if !sleep(ctx, time.Until(m.lastWork.Add(settling))) {
		return nil, context.Cause(ctx)
	}
	window := time.Duration(b.pick(30, 8)) * time.Second
	before, err := m.count(ctx)
	if err != nil {
		return nil, err
	}
	if !sleep(ctx, window) {
		return nil, context.Cause(ctx)
	}
	after, err := m.count(ctx)
	if err != nil {
		return nil, err
	}
	rss, err := residentMiB(m.hub.pid())
	if err != nil {
		return nil, err
	}
	took := after.at.Sub(before.at)
	percent := func(spent time.Duration) float64 { return 100 * spent.Seconds() / took.Seconds() }
	queries := (after.transactions - before.transactions - after.own) / took.Seconds()
	if queries <= 0 {
		return nil, fmt.Errorf("the database has counted %.0f transactions in %s", after.transactions-before.transactions, took)
	}
	note := fmt.Sprintf("over %s; beside it PostgreSQL takes %.2f %% and the agent %.2f %% of a core",
		took.Round(time.Second), percent(after.postgres-before.postgres), percent(after.agent-before.agent))
	return []row{
		{Goal: "19", Name: "idle hub: CPU of a core", Unit: "%", Ours: once(percent(after.hub - before.hub)), Mark: atMost(2), Notes: note},
		{Goal: "19", Name: "idle hub: RSS", Unit: "MiB", Ours: once(rss), Mark: atMost(120)},
		{Goal: "19", Name: "idle hub: database transactions", Unit: "/s", Ours: once(queries), Mark: atMost(20)},
	}, nil
}

// counters are what an idle machine has spent so far.
type counters struct {
	at                   time.Time
	hub, agent, postgres time.Duration // on a processor
	transactions         float64       // of the hub's database, autovacuum's included
	own                  float64       // of which we made this many since the last count
}

func (m *machine) count(ctx context.Context) (c counters, err error) {
	// Sessions tell the server what they did at most once a second, so a count is a
	// little old, the same at both ends. Ours before the count is in the other one.
	err = m.db.Pool.QueryRow(ctx, `select sum(xact_commit + xact_rollback)::float8 from pg_stat_database where datname = current_database()`).Scan(&c.transactions)
	if err != nil {
		return c, err
	}
	c.own = 1
	c.at = time.Now()
	var faults [3]error
	c.hub, faults[0] = processorTime(m.hub.pid())
	c.agent, faults[1] = processorTime(m.agent.pid())
	c.postgres, faults[2] = postgresTime(m.hub.pid())
	return c, errors.Join(faults[:]...)
}

// postgresTime is what the PostgreSQL of a process has spent, ended sessions included.
func postgresTime(owner int) (sum time.Duration, err error) {
	servers, err := children(owner, "postgres")
	if err != nil {
		return 0, err
	}
	if len(servers) != 1 {
		return 0, fmt.Errorf("process %d has %d PostgreSQL servers", owner, len(servers))
	}
	sessions, err := children(servers[0], "postgres")
	if err != nil {
		return 0, err
	}
	for _, pid := range append(sessions, servers[0]) {
		if spent, err := processorTime(pid); err == nil { // a session may have ended
			sum += spent
		}
	}
	return sum, nil
}

// measureMemory looks at agent and runner while a script runs, after all the work of
// the measurements before.
func measureMemory(ctx context.Context, b *bench) ([]row, error) {
	m, err := b.binaries(ctx)
	if err != nil {
		return nil, err
	}
	defer m.used()
	if err := m.put(ctx, "memory", "for ((i = 0; i < 20; i++)); do echo \"line $i\"; sleep 0.1; done\n", nil); err != nil {
		return nil, err
	}
	started, err := m.client.StartRun(ctx, project, "memory", client.RunRequest{})
	if err != nil {
		return nil, err
	}
	var agents, runners []float64
	for end := time.Now().Add(1800 * time.Millisecond); time.Now().Before(end) && sleep(ctx, 50*time.Millisecond); {
		agent, err := residentMiB(m.agent.pid())
		if err != nil {
			return nil, err
		}
		agents = append(agents, agent)
		pids, err := children(m.agent.pid(), "cronium-runner")
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			if runner, err := residentMiB(pid); err == nil { // else it has just ended
				runners = append(runners, runner)
			}
		}
	}
	if len(runners) < 5 {
		return nil, fmt.Errorf("the runner was seen %d times", len(runners))
	}
	if err := m.final(ctx, started.ID, 20*time.Second); err != nil {
		return nil, err
	}
	most := func(f *figure) *figure { f.Value = f.High; return f }
	return []row{
		{Goal: "RSS", Name: "agent while a script runs, most", Unit: "MiB", Ours: most(repeated(agents)), Mark: atMost(30)},
		{Goal: "RSS", Name: "runner while a script runs, most", Unit: "MiB", Ours: most(repeated(runners)), Mark: atMost(10)},
	}, nil
}

// residentMiB is a process's VmRSS.
func residentMiB(pid int) (float64, error) {
	text := fieldOf(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 64)
	if err != nil {
		return 0, fmt.Errorf("RSS of process %d: %q", pid, text)
	}
	return kib / 1024, nil
}

// statOf returns the fields of /proc/PID/stat after the name, from the state on.
func statOf(pid int) (name string, fields []string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil, err
	}
	begin, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	fields = strings.Fields(string(text[end+1:]))
	if begin < 0 || end < begin || len(fields) < 15 {
		return "", nil, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	return string(text[begin+1 : end]), fields, nil
}

// processorTime is what a process has spent, in steps of ten milliseconds, with
// children that it has waited for.
func processorTime(pid int) (time.Duration, error) {
	_, fields, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// children are the processes of that name whom a process has started.
func children(parent int, name string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			continue
		}
		// The kernel keeps fifteen bytes of a name.
		if of, fields, err := statOf(pid); err == nil && of == name[:min(len(name), 15)] && fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found, nil
}
