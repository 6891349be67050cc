package httpapi

import "time"

// Host is where a job can run.
type Host struct {
	Name        string            `json:"name"`
	Kind        string            `json:"kind" enum:"agent"`
	State       string            `json:"state" enum:"online,offline,revoked"`
	Labels      map[string]string `json:"labels"`
	Facts       HostFacts         `json:"facts"`
	Version     string            `json:"version" doc:"Of the agent"`
	Slots       int               `json:"slots" doc:"Attempts that it runs at once"`
	Running     int               `json:"running"`
	ConnectedAt *time.Time        `json:"connected_at,omitempty"`
	LastSeenAt  *time.Time        `json:"last_seen_at,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	Certificate HostCertificate   `json:"certificate"`
	Draining    bool              `json:"draining" doc:"It gets nothing new; what it runs goes on"`
	Upgrade     *HostUpgrade      `json:"upgrade,omitempty" doc:"While it is asked to become another version, and after it has failed to"`
	UpgradeTo   string            `json:"upgrade_to,omitempty" doc:"A version that this hub can upgrade it to; absent when it is that version"`
}

// HostUpgrade is an upgrade that is asked for.
type HostUpgrade struct {
	Version string `json:"version"`
	State   string `json:"state" enum:"waiting,failed"`
	Problem string `json:"problem,omitempty" doc:"Why it has failed"`
}

// HostFacts are what a host says of itself.
type HostFacts struct {
	Hostname     string            `json:"hostname"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Kernel       string            `json:"kernel"`
	Distribution string            `json:"distribution"`
	CPUs         int               `json:"cpus"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Interpreters map[string]string `json:"interpreters" doc:"Language to version"`
}

// HostCertificate is the client certificate of an agent.
type HostCertificate struct {
	NotAfter *time.Time `json:"not_after,omitempty"`
}

// JoinTokenRequest makes a token with which agents enrol.
type JoinTokenRequest struct {
	Name      string            `json:"name,omitempty" maxLength:"64" doc:"Name of the host; the default is its own"`
	Labels    map[string]string `json:"labels,omitempty" maxProperties:"32"`
	ExpiresIn string            `json:"expires_in,omitempty" maxLength:"32" doc:"The default is 30m, the most 24h" example:"1h"`
	Uses      int               `json:"uses,omitempty" minimum:"1" maximum:"10000" doc:"The default is 1"`
}

// NewJoinToken is the only answer that ever holds a join token in plain text.
type NewJoinToken struct {
	Token     string    `json:"token" doc:"Shown once"`
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
	Command   string    `json:"command" doc:"Type this on the host; it installs the agent if this hub has programs to hand out"`
	Manual    string    `json:"manual" doc:"Type this on a host that has cronium-agent"`
}
