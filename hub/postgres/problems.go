package postgres

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of the database itself.
var (
	ErrURL = problem.New("postgres.bad_url", http.StatusInternalServerError,
		"Database URL cannot be used", "Write it as postgres://user:password@host:5432/database.")
	ErrTooOld = problem.New("postgres.too_old", http.StatusInternalServerError,
		"PostgreSQL is too old", "Upgrade the server to PostgreSQL 14 or newer.")
	ErrEncoding = problem.New("postgres.wrong_encoding", http.StatusInternalServerError,
		"Database is not UTF-8", "Create it with: create database cronium encoding 'UTF8' template template0.")
	ErrUnreachable = problem.New("postgres.unreachable", http.StatusServiceUnavailable,
		"Database cannot be reached", "Check that PostgreSQL runs and that --database-url names the right host, user and password.")
	ErrUnavailable = problem.New("storage_unavailable", http.StatusServiceUnavailable,
		"Storage is unavailable", "Try again in a few seconds; if it lasts, check PostgreSQL and the hub's log.")
)
