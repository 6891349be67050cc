package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/sdk/client"
)

// measureSingle is goal 3: from the request to the first byte of the script, when
// nothing else is to do. Both sides are the same shell that prints when it is at its
// first line, on the same clock. Ours begins before the request is sent, so it has
// HTTP, the token's check and the insert in it.
func measureSingle(ctx context.Context, b *bench) ([]row, error) {
	m, err := b.binaries(ctx)
	if err != nil {
		return nil, err
	}
	defer m.used()
	calls, err := b.calls(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.put(ctx, "single", stampScript, nil); err != nil {
		return nil, err
	}
	script := filepath.Join(b.dir, "single.sh")
	if err := os.WriteFile(script, []byte(stampScript), 0o600); err != nil {
		return nil, err
	}
	if err := makeCommitFloor(ctx, m.db); err != nil {
		return nil, err
	}
	var floor, ours, spawns, commits, rpcs sample
	var stages stages
	const fewest, pools = 8, 3
	end := time.Now().Add(20 * time.Second) // a busy machine gives fewer samples
	for i := 0; len(ours) < fewest || len(ours) < b.pick(40, 8) && time.Now().Before(end); i++ {
		parts, err := singleFloor(ctx, m, calls, script)
		if err != nil {
			return nil, err
		}
		our, split, err := m.single(ctx)
		if err != nil {
			return nil, err
		}
		if i < pools {
			continue // they fill
		}
		spawns, commits, rpcs = append(spawns, parts[0]), append(commits, parts[1]), append(rpcs, parts[2])
		floor, ours, stages = append(floor, parts[0]+parts[1]+parts[2]), append(ours, our), append(stages, split)
	}
	return []row{{Goal: "3", Name: "request → script's first byte, idle", Unit: "ms", Floor: quantile(floor, 0.5), Ours: quantile(ours, 0.5),
		Mark: timesFloor(3), Notes: fmt.Sprintf("the floor's medians: fork, exec and shell %.1f ms, commit %.2f ms, two calls %.2f ms; ours, since the request was sent: %s",
			millis(spawns.median()), millis(commits.median()), millis(rpcs.median()), stages)}}, nil
}

// singleFloor returns the times of the parts: fork, exec and the shell; a commit;
// two calls.
func singleFloor(ctx context.Context, m *machine, calls *echo, script string) (parts [3]time.Duration, err error) {
	spawned, err := spawnFloor(ctx, 1, script)
	if err != nil {
		return parts, err
	}
	parts[0] = spawned[0]
	if parts[1], err = commitFloor(ctx, m.db); err != nil {
		return parts, err
	}
	for range 2 {
		took, err := calls.call(ctx)
		if err != nil {
			return parts, err
		}
		parts[2] += took
	}
	return parts, nil
}

// single starts one run and reads from its log when it was at its first line.
func (m *machine) single(ctx context.Context) (time.Duration, stage, error) {
	if !sleep(ctx, 100*time.Millisecond) { // idle
		return 0, stage{}, context.Cause(ctx)
	}
	asked := time.Now()
	started, err := m.client.StartRun(ctx, project, "single", client.RunRequest{})
	if err != nil {
		return 0, stage{}, err
	}
	if err := m.final(ctx, started.ID, 10*time.Second); err != nil {
		return 0, stage{}, err
	}
	var log client.Log
	err = eventually(ctx, 10*time.Second, "the log is complete", func() (err error) {
		log, err = m.client.Log(ctx, project, started.ID, client.LogWindow{Attempt: 1, From: 1, Limit: 10})
		if err == nil && !log.Complete {
			err = errors.New("it is not")
		}
		return err
	})
	if err != nil {
		return 0, stage{}, err
	}
	if len(log.Lines) != 1 {
		return 0, stage{}, fmt.Errorf("run %s has printed %d lines, want 1", started.ID, len(log.Lines))
	}
	at, err := parseStamp(log.Lines[0].Text)
	if err != nil {
		return 0, stage{}, err
	}
	split, err := m.stageOf(ctx, started.ID, asked)
	split.printed = at.Sub(asked)
	return at.Sub(asked), split, err
}

// stage says how long after its beginning a run had reached its stages.
type stage struct{ created, assigned, accepted, started, printed time.Duration }

func (m *machine) stageOf(ctx context.Context, public string, from time.Time) (s stage, err error) {
	id, err := run.ParseID(public)
	if err != nil {
		return s, err
	}
	var created, assigned, accepted, started time.Time
	err = m.db.Pool.QueryRow(ctx, `select r.created_at, t.assigned_at, t.accepted_at, t.started_at
		from runs r join attempts t on t.run_id = r.id and t.attempt = r.attempt where r.id = $1`, id).Scan(&created, &assigned, &accepted, &started)
	if err != nil {
		return s, fmt.Errorf("read the stages of run %s: %w", public, err)
	}
	return stage{created: created.Sub(from), assigned: assigned.Sub(from), accepted: accepted.Sub(from), started: started.Sub(from)}, nil
}

type stages []stage

// String tells the medians.
func (all stages) String() string {
	median := func(of func(stage) time.Duration) float64 {
		var s sample
		for _, one := range all {
			s = append(s, of(one))
		}
		return millis(s.median())
	}
	return fmt.Sprintf("created %.1f, assigned %.1f, accepted %.1f, runner has claimed it %.1f, script prints %.1f ms (medians)",
		median(func(s stage) time.Duration { return s.created }), median(func(s stage) time.Duration { return s.assigned }),
		median(func(s stage) time.Duration { return s.accepted }), median(func(s stage) time.Duration { return s.started }),
		median(func(s stage) time.Duration { return s.printed }))
}
