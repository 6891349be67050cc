package bus

import (
	"context"
	"fmt"

	"github.com/cronium/cronium/hub/postgres"
)

// notifier carries messages by LISTEN/NOTIFY.
type notifier struct{ db *postgres.DB }

// A lost doorbell is no harm, so the commit need not wait for the disk.
const sendBells = `select set_config('synchronous_commit', 'off', true), (select count(pg_notify($1, m)) from unnest($2::text[]) m)`

func (n notifier) send(ctx context.Context, messages []string) error {
	if _, err := n.db.Pool.Exec(ctx, sendBells, channel, messages); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

func (n notifier) receive(ctx context.Context, onMessage func(string)) error {
	return n.db.Listen(ctx, channel, onMessage)
}

func (notifier) close() {}
