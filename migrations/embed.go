// Package migrations is what PostgreSQL must look like: numbered, forward-only
// SQL that hub/postgres applies at start under an advisory lock.
package migrations

import "embed"

// FS holds the SQL files at its root.
//
//go:embed *.sql
var FS embed.FS
