package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	tick       = 2 * time.Second
	pause      = 200 * time.Millisecond // between steps, however often the bell rings
	pruneEvery = time.Hour
)

// presence collects which sessions gave a sign of life since the last tick.
type presence struct {
	mu   sync.Mutex
	seen map[uuid.UUID]int64 // agent → epoch
}

func (p *presence) forget(l *Live) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[l.AgentID] == l.Epoch {
		delete(p.seen, l.AgentID)
	}
}

func (p *presence) drain() (ids []uuid.UUID, epochs []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, epoch := range p.seen {
		ids = append(ids, id)
		epochs = append(epochs, epoch)
	}
	clear(p.seen)
	return ids, epochs
}

// Seen notes a sign of life. It costs nothing; the database hears of all of them
// together, every two seconds.
func (f *Fleet) Seen(l *Live) {
	p := &f.seen
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[uuid.UUID]int64{}
	}
	p.seen[l.AgentID] = l.Epoch
}

// Run keeps presence, revocations and wishes current until ctx ends. bell, which may be
// nil, says that agents changed on some replica.
func (f *Fleet) Run(ctx context.Context, bell <-chan struct{}) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	pruned := f.now()
	// After an outage longer than loadRecent everything is read again.
	within, good := loadRecent, f.now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-bell:
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		if f.now().Sub(good) > loadRecent/2 {
			within = loadAll
		}
		if err := f.step(ctx, within); err != nil {
			if ctx.Err() == nil {
				f.log.ErrorContext(ctx, "keep presence, revocations and wishes", "err", err)
			}
			continue
		}
		within, good = loadRecent, f.now()
		if f.now().Sub(pruned) > pruneEvery {
			pruned = f.now()
			f.prune(ctx)
		}
	}
}

func (f *Fleet) step(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return errors.Join(f.flushPresence(ctx), f.refreshRevocations(ctx, within), f.refreshWishes(ctx))
}

func (f *Fleet) flushPresence(ctx context.Context) error {
	ids, epochs := f.seen.drain()
	if len(ids) == 0 {
		return nil
	}
	if err := f.queries().Seen(ctx, f.config.HubID, ids, epochs); err != nil {
		return fmt.Errorf("write presence of %d agents: %w", len(ids), err)
	}
	return nil
}

func (f *Fleet) prune(ctx context.Context) {
	f.revoked.prune(f.now().Add(-8 * 24 * time.Hour))
	if err := f.queries().PruneJoinTokens(ctx); err != nil {
		f.log.WarnContext(ctx, "prune join tokens", "err", err)
	}
}
