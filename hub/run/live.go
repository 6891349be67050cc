package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Live is an attempt that runs.
type Live struct {
	ProjectID  uuid.UUID
	JobID      uuid.UUID
	JobName    string
	JobVersion int
}

// Live returns an attempt that the agent holds, and reports whether it does and the
// attempt runs.
func (s *Store) Live(ctx context.Context, tx pgx.Tx, agent uuid.UUID, ref Ref) (Live, bool, error) {
	row, err := db.New(tx).Live(ctx, db.LiveParams{RunID: ref.RunID, Attempt: ref.Attempt, Fence: ref.Fence, AgentID: agent})
	if errors.Is(err, pgx.ErrNoRows) {
		return Live{}, false, nil
	}
	if err != nil {
		return Live{}, false, fmt.Errorf("look for attempt %d of run %s: %w", ref.Attempt, ref.RunID, err)
	}
	return Live{ProjectID: row.ProjectID, JobID: row.JobID, JobName: row.JobName, JobVersion: int(row.JobVersion)}, true, nil
}
