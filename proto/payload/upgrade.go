package payload

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"regexp"
)

// Upgrade is an order to an agent to become another version. Fields that a program
// does not know are ignored, unlike those of a payload: an old agent must
// understand the order of a newer hub.
type Upgrade struct {
	Instance string `json:"instance"`
	AgentID  string `json:"agent_id"`
	Version  string `json:"version"`
	Agent    File   `json:"agent"`  // the new cronium-agent
	Runner   File   `json:"runner"` // the new cronium-runner, for the attempts that it starts
}

// File is one program of an order.
type File struct {
	Name   string `json:"name"` // to ask the hub for
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hex
}

// MaxProgram is the size in bytes that no program reaches.
const MaxProgram = 256 << 20

var (
	upgradeLabel = []byte("cronium upgrade 1\x00")
	versionText  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)
	hexDigest    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ValidVersion reports whether text can be the version of a program; it is then
// also the name of a file.
func ValidVersion(text string) bool { return versionText.MatchString(text) }

// SignUpgrade encodes an order and signs it.
func SignUpgrade(key ed25519.PrivateKey, u Upgrade) ([]byte, error) {
	body, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("encode upgrade: %w", err)
	}
	return seal(key, upgradeLabel, body), nil
}

// OpenUpgrade checks what [SignUpgrade] made and decodes it. Every fault is
// [ErrRejected].
func (k Keys) OpenUpgrade(b []byte) (Upgrade, error) {
	body, err := k.unseal(upgradeLabel, b)
	if err != nil {
		return Upgrade{}, err
	}
	var u Upgrade
	if err := json.Unmarshal(body, &u); err != nil {
		return Upgrade{}, ErrRejected.With("It cannot be decoded: %v", err)
	}
	if !ValidVersion(u.Version) {
		return Upgrade{}, ErrRejected.With("Its version is no version")
	}
	for _, f := range []File{u.Agent, u.Runner} {
		if f.Name == "" || f.Size <= 0 || f.Size > MaxProgram || !hexDigest.MatchString(f.SHA256) {
			return Upgrade{}, ErrRejected.With("It does not name its programs")
		}
	}
	return u, nil
}
