package httpapi

import "time"

// Server is a machine that jobs reach over SSH, through an agent.
type Server struct {
	Name       string            `json:"name"`
	State      string            `json:"state" enum:"unknown,reachable,unreachable,key_mismatch,auth_failed,archived" doc:"What the last look at it found"`
	Address    string            `json:"address" example:"db-1.example.com:22"`
	User       string            `json:"user"`
	Credential ServerCredential  `json:"credential"`
	HostKey    *HostKey          `json:"host_key,omitempty" doc:"The confirmed one; absent until somebody confirms one"`
	Offered    *HostKey          `json:"offered_key,omitempty" doc:"What the server showed last, while that is not confirmed"`
	Expected   string            `json:"expected_fingerprint,omitempty" doc:"Announced beforehand, until the server shows its key"`
	Jump       string            `json:"jump,omitempty" doc:"Server that it is reached through"`
	Via        map[string]string `json:"via" doc:"Labels of the agents that may reach it"`
	Checks     []ServerCheck     `json:"checks" doc:"The steps of the last test, in order"`
	Facts      ServerFacts       `json:"facts"`
	CheckedAt  *time.Time        `json:"checked_at,omitempty"`
	CheckedBy  string            `json:"checked_by,omitempty" doc:"The agent that looked"`
	ArchivedAt *time.Time        `json:"archived_at,omitempty"`
	ArchivedBy string            `json:"archived_by,omitempty"`
	PurgeAfter *time.Time        `json:"purge_after,omitempty" doc:"Until then it can be restored"`
	CreatedAt  time.Time         `json:"created_at"`
	CreatedBy  string            `json:"created_by"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// ServerCredential says how a server is opened. No answer ever holds what opens it.
type ServerCredential struct {
	Kind      string `json:"kind" enum:"key,password,none"`
	PublicKey string `json:"public_key,omitempty" doc:"The line for authorized_keys on the server"`
}

// HostKey is a public key that a server shows.
type HostKey struct {
	Type        string    `json:"type" example:"ssh-ed25519"`
	Fingerprint string    `json:"fingerprint" example:"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"`
	At          time.Time `json:"at" doc:"When it was confirmed, or shown"`
	By          string    `json:"by,omitempty" doc:"Who confirmed it"`
}

// ServerCheck is one step of a test of the connection.
type ServerCheck struct {
	Name       string `json:"name" example:"host_key"`
	OK         bool   `json:"ok"`
	Detail     string `json:"detail,omitempty"`
	Code       string `json:"code,omitempty" doc:"Of the problem, when it failed"`
	Hint       string `json:"hint,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

// ServerFacts are what the last successful test found.
type ServerFacts struct {
	HostFacts
	DiskBytes     int64 `json:"disk_bytes" doc:"Of the file system that runs work in"`
	DiskFreeBytes int64 `json:"disk_free_bytes"`
}

// ServerRequest adds a server.
type ServerRequest struct {
	Name        string            `json:"name" minLength:"1" maxLength:"64" example:"db-1"`
	Address     string            `json:"address" minLength:"1" maxLength:"270" doc:"HOST or HOST:PORT; the default port is 22"`
	User        string            `json:"user" minLength:"1" maxLength:"32"`
	Credential  Opener            `json:"credential"`
	Jump        string            `json:"jump,omitempty" maxLength:"64" doc:"Name of the server to go through"`
	Via         map[string]string `json:"via,omitempty" maxProperties:"32" doc:"Labels of the agents that may reach it; the default is any"`
	Fingerprint string            `json:"expected_fingerprint,omitempty" maxLength:"64" doc:"SHA256:… of its host key, when you know it; else it is to be confirmed after the first test"`
}

// Opener is what opens a server: exactly one of generate, password and private_key.
type Opener struct {
	Generate   bool   `json:"generate,omitempty" doc:"Make an Ed25519 key pair here; the answer has its public key"`
	Password   string `json:"password,omitempty" maxLength:"1024"`
	PrivateKey string `json:"private_key,omitempty" maxLength:"32768" doc:"PEM, as ssh-keygen writes it"`
	Passphrase string `json:"passphrase,omitempty" maxLength:"1024" doc:"Of the private key"`
}

// ServerEdit changes what is given and leaves the rest.
type ServerEdit struct {
	Address    *string            `json:"address,omitempty" maxLength:"270"`
	User       *string            `json:"user,omitempty" maxLength:"32"`
	Credential *Opener            `json:"credential,omitempty"`
	Jump       *string            `json:"jump,omitempty" maxLength:"64" doc:"Empty: reached directly"`
	Via        *map[string]string `json:"via,omitempty" maxProperties:"32"`
}

// TrustRequest confirms a host key.
type TrustRequest struct {
	Fingerprint string `json:"fingerprint" minLength:"1" maxLength:"64" doc:"Of the key that the server showed last, compared with the server's own"`
}

// RestoreRequest brings an archived server back.
type RestoreRequest struct {
	Credential Opener `json:"credential"`
}

// ServerImpact is what needs a server.
type ServerImpact struct {
	Jobs    []string `json:"jobs" doc:"That run on it"`
	Servers []string `json:"servers" doc:"That are reached through it"`
}
