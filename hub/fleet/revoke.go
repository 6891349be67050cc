package fleet

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// revocations is what is revoked, in memory, because the handshake cannot wait
// for the database.
type revocations struct {
	mu      sync.RWMutex
	agents  map[uuid.UUID]struct{}
	serials map[string]time.Time // when TLS refuses it anyway
}

func (r *revocations) has(agent uuid.UUID, serial string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, a := r.agents[agent]
	_, s := r.serials[serial]
	return a || s
}

// addAgents notes them and reports whether any is new.
func (r *revocations) addAgents(ids []uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.agents == nil {
		r.agents = map[uuid.UUID]struct{}{}
	}
	before := len(r.agents)
	for _, id := range ids {
		r.agents[id] = struct{}{}
	}
	return len(r.agents) > before
}

func (r *revocations) addSerial(serial string, end time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.serials == nil {
		r.serials = map[string]time.Time{}
	}
	_, known := r.serials[serial]
	r.serials[serial] = end
	return !known
}

func (r *revocations) prune(before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for serial, end := range r.serials {
		if end.Before(before) {
			delete(r.serials, serial)
		}
	}
}

const (
	loadAll    = 100 * 365 * 24 * time.Hour
	loadRecent = time.Minute // well more than a poll, because commits are not in the order of their times
)

// refreshRevocations reads what was revoked lately and ends the sessions it concerns.
func (f *Fleet) refreshRevocations(ctx context.Context, within time.Duration) error {
	agents, err := f.queries().RevokedAgents(ctx, within.Seconds())
	if err != nil {
		return fmt.Errorf("read revoked agents: %w", err)
	}
	serials, err := f.queries().RevokedSerials(ctx, within.Seconds())
	if err != nil {
		return fmt.Errorf("read revoked certificates: %w", err)
	}
	news := f.revoked.addAgents(agents)
	for _, s := range serials {
		if f.revoked.addSerial(s.Serial, s.NotAfter) {
			news = true
		}
	}
	f.enforce(news)
	return nil
}

// enforce ends the sessions whose certificate is revoked.
func (f *Fleet) enforce(news bool) {
	if !news {
		return
	}
	r := &f.live
	var over []*tracked
	r.mu.Lock()
	for s := range r.sessions {
		if f.revoked.has(s.agent, s.serial) {
			over = append(over, s)
		}
	}
	r.mu.Unlock()
	for _, s := range over {
		s.end(ErrRevoked)
	}
}

// Track lets revocation end a connection, control or data; forget it with the
// function returned. It is ended at once if its certificate is revoked already.
func (f *Fleet) Track(leaf *x509.Certificate, end func(error)) (forget func(), err error) {
	agent, err := f.AgentOf(leaf)
	if err != nil {
		return nil, err
	}
	t := &tracked{agent: agent, serial: serialOf(leaf), end: end}
	r := &f.live
	r.mu.Lock()
	r.sessions[t] = struct{}{}
	r.mu.Unlock()
	forget = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.sessions, t)
	}
	if f.revoked.has(t.agent, t.serial) {
		forget()
		return nil, ErrRevoked
	}
	return forget, nil
}
