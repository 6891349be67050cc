package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
)

const (
	template = "template_cronium"
	patience = 2 * time.Minute // the first test of a busy machine pays for initdb
)

// New returns a migrated database that nobody else uses. It is dropped when the
// test ends; call it from parallel tests as you like.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return open(t, URL(t))
}

// URL is [New] for a test that starts a real hub: the address of a migrated database.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, template)
}

// EmptyURL is the address of a database without any table.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, "template0")
}

func open(t testing.TB, address string) *postgres.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URL: address, MaxConns: 10})
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// create clones a database and drops it at the end, whoever is still connected.
func create(t testing.TB, from string) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	name := databaseName(t)
	if err := s.exec("create database " + name + " template " + from + s.strategy()); err != nil {
		t.Fatalf("create test database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("drop database if exists " + name + " with (force)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return s.url(name)
}

// strategy is the faster way to clone where there is a choice.
func (s *server) strategy() string {
	if s.binaries.Major < 15 {
		return ""
	}
	return " strategy file_copy"
}

// databaseName is recognisable in pg_stat_activity, and unique.
func databaseName(t testing.TB) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(t.Name()))
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // never fails
	return "t_" + clean[:min(len(clean), 40)] + "_" + hex.EncodeToString(salt[:])
}

func (s *server) url(database string) string {
	q := url.Values{"host": {s.socket}, "user": {role}}
	return "postgres:///" + database + "?" + q.Encode()
}

// exec runs one statement on a connection that is closed again, so that nothing
// is left for a leak check to find.
func (s *server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
