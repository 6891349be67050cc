package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	txTries   = 5
	txTimeout = 10 * time.Second
)

var errSlow = errors.New("the transaction took longer than ten seconds")

// InTx runs fn in a transaction and commits it unless fn returns an error, which
// it then returns as it is. fn must be repeatable: it runs again, at most five
// times in ten seconds, when the database rolled it back for a conflict or was
// lost before the commit was sent. A connection lost during the commit is not
// repeated, because nobody knows what became of it.
func (db *DB) InTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, txTimeout, errSlow)
	defer cancel()
	for try := 0; ; try++ {
		err, again := db.once(ctx, fn)
		if err == nil || !again || try+1 == txTries || !pause(ctx, min(backoff(try), 200*time.Millisecond)) {
			return err
		}
	}
}

func (db *DB) once(ctx context.Context, fn func(tx pgx.Tx) error) (_ error, again bool) {
	tx, err := db.Pool.Begin(ctx)
	if err != nil {
		return err, repeatable(err)
	}
	// Also rolls back when fn panics; after a commit it does nothing.
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		_ = tx.Rollback(clean)
	}()
	if err := fn(tx); err != nil {
		return err, repeatable(err)
	}
	err = tx.Commit(ctx)
	return err, conflict(err)
}
