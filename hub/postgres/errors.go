package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Constraint returns the name of the constraint that err says was violated, or "".
func Constraint(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.ConstraintName
	}
	return ""
}

// Unavailable reports whether err means that the database could not be asked:
// the connection was lost, or the server is starting, stopping or full. A door
// answers 503 [ErrUnavailable] to it.
func Unavailable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrUnreachable):
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return lostCode(pg.Code) || pg.Code == "53300" // too_many_connections
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// lostCode is true for connection_exception and for a server that shuts down,
// crashed or cannot be connected to now.
func lostCode(code string) bool {
	return strings.HasPrefix(code, "08") || slices.Contains([]string{"57P01", "57P02", "57P03"}, code)
}

// repeatable reports whether a transaction that ended with err before its commit
// was sent may simply run again: the database rolled it back.
func repeatable(err error) bool {
	return conflict(err) || Unavailable(err)
}

// conflict is what PostgreSQL asks to be repeated, even from a commit:
// serialization_failure, deadlock_detected, lock_not_available.
func conflict(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{"40001", "40P01", "55P03"}, pg.Code)
}
