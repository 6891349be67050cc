package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/sdk/client"
)

// world is a hub in this process, and agents that start nothing.
type world struct {
	b      *bench
	hub    *hub.Hub
	client *client.Client
	took   time.Duration // from nothing to ready

	cancel context.CancelFunc
	ctx    context.Context //nolint:containedctx // of the loops
	loops  sync.WaitGroup
	mu     sync.Mutex
	faults []error // of loops that ended; guarded by mu
}

// newWorld starts the hub of that name on its database and returns when it is ready.
// The keys of a database stay with the name.
func (b *bench) newWorld(ctx context.Context, name, address string) (_ *world, err error) {
	w := &world{b: b}
	begin := time.Now()
	w.hub, err = hub.New(ctx, hub.Config{DataDir: filepath.Join(b.dir, "hub-"+name), HTTP: "127.0.0.1:0", Agents: "127.0.0.1:0", DatabaseURL: address,
		Admin: hub.Admin{Email: email, Password: password}, Version: "bench", Log: b.log})
	if err != nil {
		return nil, err
	}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.run(w.hub.Run)
	if err := awaitReady(ctx, w.hub.URL()); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.took = time.Since(begin)
	return w, nil
}

func (w *world) run(loop func(context.Context) error) {
	w.loops.Go(func() {
		if err := loop(w.ctx); err != nil && w.ctx.Err() == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.faults = append(w.faults, err)
		}
	})
}

// close ends everything, and tells what had ended before.
func (w *world) close() error {
	w.cancel()
	w.loops.Wait()
	w.hub.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.faults...)
}

// addAgents enrols agents that succeed at once at whatever they are given.
func (w *world) addAgents(ctx context.Context, n, slots int) (err error) {
	if w.client, err = login(ctx, w.hub.URL()); err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("noop-%d", i)
		token, err := w.client.CreateJoinToken(ctx, project, client.JoinTokenRequest{Name: name})
		if err != nil {
			return err
		}
		dir := filepath.Join(w.b.dir, name)
		if _, err := agent.Enrol(ctx, agent.Enrolment{Hub: w.hub.AgentsAddr(), Token: token.Token, DataDir: dir}); err != nil {
			return fmt.Errorf("enrol %s: %w", name, err)
		}
		a, err := agent.New(agent.Config{DataDir: dir, Executor: executortest.Noop{}, Slots: slots, Log: w.b.log})
		if err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		w.run(a.Run)
		if err := awaitOnline(ctx, w.client, name); err != nil {
			return err
		}
	}
	return nil
}
