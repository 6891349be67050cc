package local

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

const installHint = "On Debian or Ubuntu: sudo apt-get install postgresql. On Fedora: sudo dnf install postgresql-server. Or use your own server with --database-url."

// Problems of keeping a private server.
var (
	ErrNotInstalled = problem.New("postgres.not_installed", http.StatusInternalServerError,
		"PostgreSQL is not installed", installHint)
	ErrVersion = problem.New("postgres.version_mismatch", http.StatusInternalServerError,
		"The data belongs to another version of PostgreSQL", "Install the version that made the data, or bring the data over with pg_upgrade or pg_dump.")
	ErrInUse = problem.New("postgres.directory_in_use", http.StatusConflict,
		"Another hub uses this data directory", "Stop the other hub, or give this one its own --data-dir. Two hubs can share one database with --database-url.")
	ErrDirectory = problem.New("postgres.directory_unusable", http.StatusInternalServerError,
		"The data directory cannot be used", "Choose a --data-dir outside private home directories, for example /var/lib/cronium/hub.")
	ErrAccount = problem.New("postgres.no_account", http.StatusInternalServerError,
		"No user to run PostgreSQL as", "PostgreSQL refuses to run as root: create a system user named postgres, or start the hub as an ordinary user.")
	ErrInit = problem.New("postgres.initdb_failed", http.StatusInternalServerError,
		"The database could not be created", "Check free space and permissions of the data directory, then start the hub again.")
	ErrStart = problem.New("postgres.start_failed", http.StatusInternalServerError,
		"The private PostgreSQL did not start", "The detail holds PostgreSQL's own words. Check free space, memory and permissions of the data directory.")
)
