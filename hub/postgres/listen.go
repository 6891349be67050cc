package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listen calls onNotify for every notification on channel until ctx ends, on a
// connection of its own. It reconnects by itself, and calls onNotify("") after
// every connect, because what was sent while nobody listened is lost. onNotify
// must not block.
func (db *DB) Listen(ctx context.Context, channel string, onNotify func(payload string)) error {
	for try := 0; ; try++ {
		connected, err := db.listen(ctx, channel, onNotify)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if connected {
			try = 0
		}
		db.log.WarnContext(ctx, "listening was interrupted", "channel", channel, "err", err)
		if !pause(ctx, backoff(try)) {
			return context.Cause(ctx)
		}
	}
}

func (db *DB) listen(ctx context.Context, channel string, onNotify func(string)) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, db.Pool.Config().ConnConfig.Copy())
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(clean)
	}()
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return false, fmt.Errorf("listen: %w", err)
	}
	onNotify("")
	for {
		note, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, fmt.Errorf("wait for notification: %w", err)
		}
		onNotify(note.Payload)
	}
}
