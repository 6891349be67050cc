// Package postgres is the one way to PostgreSQL: a pool with sane limits,
// transactions that are repeated when the database asks for it, migrations, and
// the names of violated constraints.
//
// It promises that no statement waits for ever (every session carries a
// statement, lock and idle-in-transaction timeout), that a transaction function
// runs again only when its last try certainly left nothing behind, and that
// [DB.Listen] never misses silently: after every reconnect it rings once, so the
// listener looks again. All methods may be called concurrently.
//
// It refuses to know tables. Rooms own those; see their queries.sql.
//
// Neighbours: hub/postgres/local keeps a private server for a hub that was given
// no database; hub/postgres/pgtest gives every test its own database.
package postgres
