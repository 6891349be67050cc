package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/server/internal/db"
)

const (
	purgeEvery  = time.Hour
	callTimeout = 5 * time.Second
)

// Run removes archived servers when their time is over, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		if _, err := s.Purge(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "purge archived servers", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Purge removes the archived servers whose time is over and returns their names.
func (s *Store) Purge(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := s.queries().Purge(ctx)
	if err != nil {
		return nil, fmt.Errorf("purge archived servers: %w", err)
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.Name
		s.log.InfoContext(ctx, "archived server removed", "server", row.Name, "id", row.ID)
	}
	return names, nil
}

// Asker is an agent that could be asked about servers.
type Asker struct {
	Project uuid.UUID
	Labels  map[string]string
}

// ClaimDue takes up to n servers that it is time to look at and that one of these
// agents may reach. What is claimed is due again after the usual interval.
func (s *Store) ClaimDue(ctx context.Context, agents []Asker, n int) ([]Ref, error) {
	if len(agents) == 0 || n <= 0 {
		return nil, nil
	}
	p := db.ClaimDueParams{N: int32(min(n, 1000)), EveryS: s.every()} //nolint:gosec // bounded
	for _, a := range agents {
		labels, err := encodeLabels(a.Labels)
		if err != nil {
			return nil, err
		}
		p.ProjectIds, p.Labels = append(p.ProjectIds, a.Project), append(p.Labels, labels)
	}
	rows, err := s.queries().ClaimDue(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("claim servers to look at: %w", err)
	}
	refs := make([]Ref, len(rows))
	for i, row := range rows {
		refs[i] = Ref{row.ProjectID, row.Name}
	}
	return refs, nil
}

// every is the interval in seconds, ± 10 %, so that servers added together are not
// looked at together for ever.
func (s *Store) every() float64 {
	return s.config.Every.Seconds() * (0.9 + 0.2*rand.Float64()) //nolint:gosec // no secret
}

// AskSoon makes a server due now, for the replica that has an agent for it.
func (s *Store) AskSoon(ctx context.Context, id uuid.UUID) error {
	n, err := s.queries().AskSoon(ctx, id)
	if err != nil {
		return fmt.Errorf("make server %s due: %w", id, err)
	}
	if n == 0 {
		return ErrArchived.With("The server is archived")
	}
	return nil
}
