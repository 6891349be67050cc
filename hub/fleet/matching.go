package fleet

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/fleet/internal/db"
)

// HostLabel is the label that every host has of its own: its name. No other host of
// the project has the same value, so it is how work is meant for one host.
const HostLabel = "host"

// Ask names the hosts of a project that have all of these labels.
type Ask struct {
	Project uuid.UUID
	Labels  map[string]string
}

// MatchingTx returns the names of the hosts for each of these questions, sorted,
// as the caller's transaction sees them: those that are offline or draining too,
// those whose identity was revoked not. It returns at most 1,001 for a question,
// which is one more than a run may have targets. A nil tx asks outside of any.
func (f *Fleet) MatchingTx(ctx context.Context, tx pgx.Tx, asks []Ask) ([][]string, error) {
	if len(asks) == 0 {
		return nil, nil
	}
	ns, projects, labels := make([]int32, len(asks)), make([]uuid.UUID, len(asks)), make([]json.RawMessage, len(asks))
	for i, ask := range asks {
		ns[i], projects[i], labels[i] = int32(i), ask.Project, json.RawMessage("{}") //nolint:gosec // a batch of schedules at most
		if len(ask.Labels) == 0 {
			continue
		}
		var err error
		if labels[i], err = json.Marshal(ask.Labels); err != nil {
			return nil, fmt.Errorf("find hosts: %w", err)
		}
	}
	q := f.queries()
	if tx != nil {
		q = db.New(tx)
	}
	rows, err := q.Matching(ctx, ns, projects, labels)
	if err != nil {
		return nil, fmt.Errorf("find hosts: %w", err)
	}
	names := make([][]string, len(asks))
	for _, row := range rows {
		names[row.N] = append(names[row.N], row.Name)
	}
	return names, nil
}
