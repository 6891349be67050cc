package payload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cronium/cronium/proto/payload"
)

func order() payload.Upgrade {
	program := func(name string) payload.File {
		return payload.File{Name: name, Size: 9, SHA256: strings.Repeat("0a", 32)}
	}
	return payload.Upgrade{Instance: "i", AgentID: "a", Version: "v1.2.3", Agent: program("agent"), Runner: program("runner")}
}

func signUpgrade(t *testing.T, u payload.Upgrade) []byte {
	t.Helper()
	b, err := payload.SignUpgrade(keyOf(1), u)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryByteOfAnUpgradeCounts(t *testing.T) {
	keys := public(keyOf(1))
	b := signUpgrade(t, order())
	if got, err := keys.OpenUpgrade(b); err != nil || got != order() {
		t.Fatalf("OpenUpgrade = %+v, %v; want what was signed", got, err)
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if u, err := keys.OpenUpgrade(b); !errors.Is(err, payload.ErrRejected) {
				t.Fatalf("with bit %d of byte %d flipped, OpenUpgrade = %v, %v; want ErrRejected", bit, i, u, err)
			}
			b[i] ^= 1 << bit
		}
	}
}

func TestAPayloadIsNoUpgradeAndAnUpgradeNoPayload(t *testing.T) {
	keys := public(keyOf(1))
	if _, err := keys.OpenUpgrade(sign(t, keyOf(1), sample())); !errors.Is(err, payload.ErrRejected) {
		t.Errorf("OpenUpgrade of a payload = %v, want ErrRejected", err)
	}
	if _, err := keys.Open(signUpgrade(t, order())); !errors.Is(err, payload.ErrRejected) {
		t.Errorf("Open of an upgrade = %v, want ErrRejected", err)
	}
	if _, err := public(keyOf(2)).OpenUpgrade(signUpgrade(t, order())); !errors.Is(err, payload.ErrRejected) {
		t.Errorf("OpenUpgrade with another hub's key = %v, want ErrRejected", err)
	}
}

func TestAnUpgradeNamesAVersionAndItsPrograms(t *testing.T) {
	for name, change := range map[string]func(*payload.Upgrade){
		"no version":        func(u *payload.Upgrade) { u.Version = "" },
		"a way out":         func(u *payload.Upgrade) { u.Version = "../../etc" },
		"a hidden file":     func(u *payload.Upgrade) { u.Version = ".partial" },
		"a long version":    func(u *payload.Upgrade) { u.Version = strings.Repeat("1", 65) },
		"no runner":         func(u *payload.Upgrade) { u.Runner = payload.File{} },
		"no sum":            func(u *payload.Upgrade) { u.Agent.SHA256 = "" },
		"a sum of another":  func(u *payload.Upgrade) { u.Agent.SHA256 = strings.Repeat("A", 64) },
		"nothing to fetch":  func(u *payload.Upgrade) { u.Agent.Size = 0 },
		"too much to fetch": func(u *payload.Upgrade) { u.Agent.Size = payload.MaxProgram + 1 },
	} {
		u := order()
		change(&u)
		if got, err := public(keyOf(1)).OpenUpgrade(signUpgrade(t, u)); !errors.Is(err, payload.ErrRejected) {
			t.Errorf("%s: OpenUpgrade = %+v, %v; want ErrRejected", name, got, err)
		}
	}
}
