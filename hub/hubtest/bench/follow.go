package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cronium/cronium/sdk/client"
)

// measureFollow is goal 9: from a line's printing to a follower who has it, over the
// WebSocket. A line is the time at which it was printed.
func measureFollow(ctx context.Context, b *bench) ([]row, error) {
	m, err := b.binaries(ctx)
	if err != nil {
		return nil, err
	}
	defer m.used()
	lines := b.pick(250, 50)
	source := fmt.Sprintf(`for ((i = 0; i < %d; i++)); do echo "$EPOCHREALTIME"; sleep 0.04; done`, lines+25)
	if err := m.put(ctx, "follow", source, nil); err != nil {
		return nil, err
	}
	started, err := m.client.StartRun(ctx, project, "follow", client.RunRequest{})
	if err != nil {
		return nil, err
	}
	err = eventually(ctx, 10*time.Second, "the run prints", func() error {
		log, err := m.client.Log(ctx, project, started.ID, client.LogWindow{Attempt: 1, From: 1, Limit: 1})
		if err == nil && len(log.Lines) == 0 {
			err = errors.New("nothing yet")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	seen, err := m.follow(ctx, started.ID)
	if err != nil {
		return nil, fmt.Errorf("follow the log: %w", err)
	}
	if len(seen) < lines*9/10 {
		return nil, fmt.Errorf("only %d of %d lines came live", len(seen), lines)
	}
	return []row{{Goal: "9", Name: "line printed → seen by a follower, p99", Unit: "ms", Ours: quantile(seen, 0.99), Mark: atMost(300)}},
		m.final(ctx, started.ID, 20*time.Second)
}

// follow returns how late each line was that was printed while we followed.
func (m *machine) follow(ctx context.Context, id string) (seen sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var live time.Time
	seenUpTo := int64(0)
	err = m.client.FollowLog(ctx, project, id, client.Follow{Attempt: 1}, func(batch client.LogBatch) error {
		now := time.Now()
		if live.IsZero() {
			live = now // what was there before is in the first batch
		}
		whole := batch.Lines
		if batch.Open && len(whole) > 0 {
			whole = whole[:len(whole)-1]
		}
		for _, line := range whole {
			at, err := parseStamp(line.Text)
			if err != nil {
				return err
			}
			if line.N > seenUpTo && at.After(live) {
				seen = append(seen, now.Sub(at))
			}
			seenUpTo = max(seenUpTo, line.N)
		}
		return nil
	})
	return seen, err
}
