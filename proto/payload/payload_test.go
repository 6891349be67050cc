package payload_test

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

func keyOf(seed byte) ed25519.PrivateKey {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return ed25519.NewKeyFromSeed(s)
}

func public(key ed25519.PrivateKey) payload.Keys {
	return payload.Keys{key.Public().(ed25519.PublicKey)}
}

func sample() *runnerv1.Payload {
	return &runnerv1.Payload{
		Ref: &runnerv1.Attempt{RunId: "0193", Attempt: 1, Fence: 42}, Job: "j",
		Script: &runnerv1.Script{Language: "bash", Source: []byte("echo hi")},
		Env:    map[string]string{"A": "1"}, Timeout: durationpb.New(1e9),
	}
}

func sign(t *testing.T, key ed25519.PrivateKey, p *runnerv1.Payload) []byte {
	t.Helper()
	b, err := payload.Sign(key, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSignedIsOpened(t *testing.T) {
	key := keyOf(1)
	keys := append(public(keyOf(2)), public(key)...)
	got, err := keys.Open(sign(t, key, sample()))
	if err != nil || !proto.Equal(got, sample()) {
		t.Fatalf("Open = %v, %v; want what was signed", got, err)
	}
}

func TestEveryByteCounts(t *testing.T) {
	key := keyOf(1)
	b := sign(t, key, sample())
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if p, err := public(key).Open(b); !errors.Is(err, payload.ErrRejected) {
				t.Fatalf("with bit %d of byte %d flipped, Open = %v, %v; want ErrRejected", bit, i, p, err)
			}
			b[i] ^= 1 << bit
		}
		if _, err := public(key).Open(b[:i]); !errors.Is(err, payload.ErrRejected) {
			t.Fatalf("cut after %d bytes: %v, want ErrRejected", i, err)
		}
	}
}

func TestForeignKeysSplicesAndUnknownFieldsAreRefused(t *testing.T) {
	key, other := keyOf(1), keyOf(2)
	ours, theirs := sign(t, key, sample()), sign(t, other, sample())
	another := sample()
	another.Job = "k"
	head := len(ours) - proto.Size(sample())

	strange := sample()
	strange.Script.ProtoReflect().SetUnknown([]byte{0xf8, 0x01, 1})
	for name, b := range map[string][]byte{
		"signed by another key":                 theirs,
		"one payload, the signature of another": append(ours[:head:head], sign(t, key, another)[head:]...),
		"a field from the future":               sign(t, key, strange),
		"nothing":                               nil,
	} {
		if p, err := public(key).Open(b); !errors.Is(err, payload.ErrRejected) {
			t.Errorf("%s: Open = %v, %v; want ErrRejected", name, p, err)
		}
	}
	if _, err := (payload.Keys{nil, []byte("short")}).Open(ours); !errors.Is(err, payload.ErrRejected) {
		t.Errorf("with no usable key: %v, want ErrRejected", err)
	}
}

func FuzzOpen(f *testing.F) {
	key := keyOf(1)
	b, _ := payload.Sign(key, sample())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := public(key).Open(b)
		if err == nil && !proto.Equal(p, sample()) {
			t.Fatalf("a forged payload was opened: %v", p)
		}
	})
}
