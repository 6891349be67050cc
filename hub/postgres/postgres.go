package postgres

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The oldest server we run on: it has every feature that the migrations use.
const minVersion = 140000

// How long Open waits for a server that is starting.
const openPatience = 30 * time.Second

// Config says which database and how many connections.
type Config struct {
	URL      string       // required; a postgres:// URL or key=value pairs
	MaxConns int32        // the pool's size; default 20
	Log      *slog.Logger // default: discard
}

// DB is a pool of connections to one database.
type DB struct {
	Pool *pgxpool.Pool
	log  *slog.Logger
}

// Open connects, waiting up to half a minute for a server that is starting, and
// refuses a server that is too old or a database that is not UTF-8.
func Open(ctx context.Context, c Config) (*DB, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, ErrURL.With("%v", err) // pgx leaves the password out
	}
	config.MaxConns = c.MaxConns
	if c.MaxConns <= 0 {
		config.MaxConns = 20
	}
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = time.Hour, 10*time.Minute
	config.MaxConnIdleTime = 10 * time.Minute
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		registerUUID(conn.TypeMap())
		return nil
	}
	limitSession(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, ErrURL.With("%v", err)
	}
	db := &DB{Pool: pool, log: c.Log}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if err := db.check(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

// Close waits for borrowed connections and closes the pool.
func (db *DB) Close() { db.Pool.Close() }

// limitSession makes sure that nothing waits for ever: not a statement, not a
// lock, not a forgotten transaction, not a dead network. Values in the URL win.
func limitSession(c *pgx.ConnConfig) {
	for name, value := range map[string]string{
		"application_name":                    "cronium-hub",
		"timezone":                            "UTC",
		"statement_timeout":                   "10s",
		"lock_timeout":                        "3s",
		"idle_in_transaction_session_timeout": "15s",
	} {
		if _, given := c.RuntimeParams[name]; !given {
			c.RuntimeParams[name] = value
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	c.DialFunc = dialer(c.ConnectTimeout).DialContext
}

// dialer notices a dead server within about fifteen seconds, also while data is
// on its way.
func dialer(timeout time.Duration) *net.Dialer {
	const tcpUserTimeout = 0x12 // linux/tcp.h; the syscall package lacks it
	return &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control: func(network, _ string, raw syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return raw.Control(func(fd uintptr) {
				// Best effort: keepalive still stands behind it.
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, 15_000)
			})
		},
	}
}

// check waits for the server and looks at what it is.
func (db *DB) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	var version int
	var encoding string
	for try := 0; ; try++ {
		err := db.Pool.QueryRow(ctx, `select current_setting('server_version_num')::int, getdatabaseencoding()::text`).
			Scan(&version, &encoding)
		if err == nil {
			break
		}
		if !Unavailable(err) || !pause(ctx, backoff(try)) {
			return ErrUnreachable.With("%v", err)
		}
		if try == 0 {
			db.log.WarnContext(ctx, "waiting for the database", "err", err)
		}
	}
	if version < minVersion {
		return ErrTooOld.With("the server is PostgreSQL %d.%d", version/10000, version%10000)
	}
	if encoding != "UTF8" {
		return ErrEncoding.With("the database's encoding is %s", encoding)
	}
	return nil
}

// backoff is full jitter up to a bound that doubles from 50 ms to 5 s.
func backoff(try int) time.Duration {
	bound := min(5*time.Second, 50*time.Millisecond<<min(try, 10))
	return time.Millisecond + rand.N(bound)
}

// pause reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
