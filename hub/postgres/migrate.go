package postgres

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/cronium/cronium/migrations"
)

// Migrate brings the schema up to this binary's. Any number of hubs may call it
// at once: an advisory lock lets one work while the others wait. A schema that is
// newer is left alone, because a migration is safe for the version before it.
func (db *DB) Migrate(ctx context.Context) error {
	return db.migrate(ctx, migrations.FS)
}

func (db *DB) migrate(ctx context.Context, files fs.FS) error {
	config := db.Pool.Config().ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // an index on a large table takes its time
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "30s"
	sqlDB := stdlib.OpenDB(*config)
	defer func() { _ = sqlDB.Close() }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, files,
		goose.WithSessionLocker(locker), goose.WithTableName("schema_migrations"), goose.WithSlog(db.log))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if current > newest {
		db.log.WarnContext(ctx, "schema is newer than this hub", "schema", current, "hub", newest)
	}
	if len(applied) > 0 {
		db.log.InfoContext(ctx, "schema migrated", "version", current, "applied", len(applied))
	}
	return nil
}
