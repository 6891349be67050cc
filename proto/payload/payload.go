package payload

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// ErrRejected is the problem of everything that is not what a hub has signed.
var ErrRejected = problem.New("payload_rejected", 422,
	"The order to run is not one of this hub", "Enrol the agent again if the hub's keys have changed; otherwise find out who changed it on its way.")

const (
	version  = 1
	idSize   = 8
	headSize = 1 + idSize + ed25519.SignatureSize
)

var label = []byte("cronium payload 1\x00")

// ID names a key: the beginning of its SHA-256.
type ID [idSize]byte

// IDOf returns the name of a public key.
func IDOf(public ed25519.PublicKey) ID {
	sum := sha256.Sum256(public)
	return ID(sum[:idSize])
}

// Sign encodes a payload and signs it.
func Sign(key ed25519.PrivateKey, p *runnerv1.Payload) ([]byte, error) {
	body, err := proto.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return seal(key, label, body), nil
}

func seal(key ed25519.PrivateKey, label, body []byte) []byte {
	id := IDOf(key.Public().(ed25519.PublicKey))
	out := make([]byte, 0, headSize+len(body))
	out = append(append(out, version), id[:]...)
	out = append(out, ed25519.Sign(key, signed(label, body))...)
	return append(out, body...)
}

func signed(label, body []byte) []byte { return append(bytes.Clone(label), body...) }

// Keys are the public keys whose signatures count.
type Keys [][]byte

// Open checks what [Sign] made and decodes it. Every fault is [ErrRejected].
func (k Keys) Open(b []byte) (*runnerv1.Payload, error) {
	body, err := k.unseal(label, b)
	if err != nil {
		return nil, err
	}
	p := &runnerv1.Payload{}
	if err := proto.Unmarshal(body, p); err != nil {
		return nil, ErrRejected.With("It cannot be decoded: %v", err)
	}
	if field := unknown(p.ProtoReflect()); field != "" {
		return nil, ErrRejected.With("%s has a field that this program does not know", field).
			Hinted("Upgrade the agent to the hub's version.")
	}
	return p, nil
}

// unseal returns the body of what [seal] made under the same label.
func (k Keys) unseal(label, b []byte) ([]byte, error) {
	if len(b) < headSize {
		return nil, ErrRejected.With("It has %d bytes, which is no whole order", len(b))
	}
	if b[0] != version {
		return nil, ErrRejected.With("It has the version %d, this program knows %d", b[0], version).
			Hinted("Upgrade the agent to the hub's version.")
	}
	public := k.find(ID(b[1 : 1+idSize]))
	if public == nil {
		return nil, ErrRejected.With("It is signed with the key %x, which this agent does not know", b[1:1+idSize])
	}
	body := b[headSize:]
	if !ed25519.Verify(public, signed(label, body), b[1+idSize:headSize]) {
		return nil, ErrRejected.With("Its signature is wrong")
	}
	return body, nil
}

func (k Keys) find(id ID) ed25519.PublicKey {
	for _, public := range k {
		if len(public) == ed25519.PublicKeySize && IDOf(public) == id {
			return public
		}
	}
	return nil
}

// unknown returns the name of a message, p or one in it, with an unknown field.
func unknown(p protoreflect.Message) (name string) {
	if len(p.GetUnknown()) > 0 {
		return string(p.Descriptor().FullName())
	}
	p.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				name = unknown(v.Message())
				return name == ""
			})
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len() && name == ""; i++ {
				name = unknown(v.List().Get(i).Message())
			}
		case !f.IsMap() && f.Message() != nil:
			name = unknown(v.Message())
		}
		return name == ""
	})
	return name
}
