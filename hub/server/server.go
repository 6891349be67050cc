package server

import (
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/secret"
)

// ExecutorLabel is the label of agents that reach servers. It is added to the
// target of every run on one.
const ExecutorLabel = "executor.ssh"

// Health is what the last look at a server found.
type Health string

// All states of health.
const (
	Unknown     Health = "unknown"      // not looked at since it was added, changed or trusted
	Reachable   Health = "reachable"    // it lets us in and gives us a shell
	Unreachable Health = "unreachable"  // no connection, or no shell
	KeyMismatch Health = "key_mismatch" // it showed another key than the confirmed one
	AuthFailed  Health = "auth_failed"  // it does not accept the credential
)

// Kind says what opens a server.
type Kind string

// All kinds.
const (
	Key      Kind = "key"
	Password Kind = "password"
	None     Kind = "none" // archived
)

// Credential is what somebody gives to open a server: a password, a private key,
// or the wish that a key be generated here.
type Credential struct {
	Generate   bool
	Password   secret.Text
	PrivateKey secret.Text // PEM, as ssh-keygen writes it
	Passphrase secret.Text // of the private key
}

// Wish is a server that somebody adds.
type Wish struct {
	Name        string
	Address     string // HOST or HOST:PORT; the port is 22 if it is not there
	User        string
	Credential  Credential
	Jump        string            // name of the server to go through; empty: directly
	Via         map[string]string // labels of the agents that may reach it; empty: any
	Fingerprint string            // SHA256:… of the key that it will show; empty: to be confirmed
}

// Edit is what somebody changes. What is nil stays.
type Edit struct {
	Address    *string
	User       *string
	Credential *Credential
	Jump       *string // empty: directly
	Via        *map[string]string
}

// Server is a server as people see it.
type Server struct {
	ID        uuid.UUID
	ProjectID uuid.UUID
	Name      string
	Address   string // host:port
	User      string
	Kind      Kind
	PublicKey string // of a key, as authorized_keys has it

	Trusted  *HostKey // nil: nobody has confirmed one
	Offered  *HostKey // what it showed last, while that is not the trusted one
	Expected string   // fingerprint announced beforehand, until it was shown

	Jump   string
	Via    map[string]string
	Health Health
	Checks []Check
	Facts  Facts

	CheckedAt *time.Time
	CheckedBy string // the agent

	ArchivedAt *time.Time
	ArchivedBy string
	PurgeAfter *time.Time
	CreatedAt  time.Time
	CreatedBy  string
	UpdatedAt  time.Time
}

// HostKey is a public key that a server shows.
type HostKey struct {
	Type        string // ssh-ed25519
	Fingerprint string // SHA256:…
	At          time.Time
	By          string // email; only of a confirmed one
}

// Check is one step of a probe.
type Check struct {
	Name   string        `json:"name"`
	OK     bool          `json:"ok"`
	Detail string        `json:"detail,omitempty"`
	Hint   string        `json:"hint,omitempty"`
	Code   string        `json:"code,omitempty"` // of the problem, when it failed
	Took   time.Duration `json:"took,omitempty"`
}

// Facts are what a probe found on a server. Whatever is stored was cleaned.
type Facts struct {
	Hostname     string            `json:"hostname,omitempty"`
	OS           string            `json:"os,omitempty"`
	Arch         string            `json:"arch,omitempty"`
	Kernel       string            `json:"kernel,omitempty"`
	Distribution string            `json:"distribution,omitempty"`
	CPUs         int               `json:"cpus,omitempty"`
	MemoryBytes  int64             `json:"memory_bytes,omitempty"`
	DiskBytes    int64             `json:"disk_bytes,omitempty"`
	DiskFree     int64             `json:"disk_free_bytes,omitempty"`
	Interpreters map[string]string `json:"interpreters,omitempty"`
}

// Impact is what an archived server would leave behind.
type Impact struct {
	Jobs    []string // that run on it
	Servers []string // that are reached through it
}

// Ref names a server, as jobs do.
type Ref struct {
	Project uuid.UUID
	Name    string
}
