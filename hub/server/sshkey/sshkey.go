package sshkey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Limits of what is read.
const (
	maxPrivate = 32 << 10
	maxPublic  = 16 << 10
	minRSA     = 2048 // bits
	maxRSA     = 8192
	maxRounds  = 512 // of the passphrase's hash; ssh-keygen's default is 16 to 24
)

// Generate makes an Ed25519 key pair: the private one as PEM, and the line that
// belongs into authorized_keys.
func Generate(comment string) (private []byte, public string, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("generate a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, "", fmt.Errorf("encode the key: %w", err)
	}
	line, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, "", fmt.Errorf("encode the public key: %w", err)
	}
	return pem.EncodeToMemory(block), authorized(line) + " " + comment, nil
}

// Read checks a private key and returns its line for authorized_keys.
func Read(private []byte, passphrase string) (public string, err error) {
	if len(private) > maxPrivate {
		return "", ErrKey.With("The key is %d bytes, limit %d", len(private), maxPrivate)
	}
	if err := affordable(private); err != nil {
		return "", err
	}
	key, err := parse(private, passphrase)
	if err != nil {
		return "", err
	}
	if err := strong(key); err != nil {
		return "", err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return "", ErrKey.With("The key is of a kind that cannot sign")
	}
	return authorized(signer.PublicKey()), nil
}

func parse(private []byte, passphrase string) (any, error) {
	key, err := ssh.ParseRawPrivateKey(private)
	_, locked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case locked && passphrase == "":
		return nil, ErrPassphrase.With("The key is protected by a passphrase, and none was given")
	case locked:
		// What the library says of a wrong one differs by format.
		if key, err = ssh.ParseRawPrivateKeyWithPassphrase(private, []byte(passphrase)); err != nil {
			return nil, ErrPassphrase.With("The passphrase does not open the key")
		}
	case err != nil:
		return nil, ErrKey.With("This is not a private key") // the error could quote it
	}
	return key, nil
}

// affordable refuses a key whose passphrase takes long to try: the number of rounds
// is in the file, and a stranger can write four thousand million there.
func affordable(private []byte) error {
	const magic = "openssh-key-v1\x00"
	block, _ := pem.Decode(private)
	if block == nil || !bytes.HasPrefix(block.Bytes, []byte(magic)) {
		return nil
	}
	var head struct {
		Cipher, KDF, Options string
		Rest                 []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(block.Bytes[len(magic):], &head); err != nil {
		return ErrKey.With("This is not a private key")
	}
	if head.KDF != "bcrypt" {
		return nil
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	if err := ssh.Unmarshal([]byte(head.Options), &options); err != nil {
		return ErrKey.With("This is not a private key")
	}
	if options.Rounds > maxRounds {
		return ErrKey.With("The passphrase was hashed %d times, limit %d", options.Rounds, maxRounds).
			Hinted("Write the key anew with: ssh-keygen -p -a 64 -f FILE")
	}
	return nil
}

func strong(key any) error {
	switch k := key.(type) {
	case *ed25519.PrivateKey, ed25519.PrivateKey, *ecdsa.PrivateKey:
		return nil
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return ErrKey.With("The RSA key has %d bits, from %d to %d are accepted", bits, minRSA, maxRSA)
		}
		return nil
	}
	return ErrKey.With("Keys of this kind are not accepted")
}

// HostKey is a public key in SSH's wire format: its type and its fingerprint.
func HostKey(wire []byte) (kind, fingerprint string, err error) {
	if len(wire) > maxPublic {
		return "", "", ErrHostKey.With("The host key is %d bytes, limit %d", len(wire), maxPublic)
	}
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		return "", "", ErrHostKey.With("The host key is not one that is known here")
	}
	if _, certificate := key.(*ssh.Certificate); certificate {
		return "", "", ErrHostKey.With("The host key is a certificate, which cannot be pinned")
	}
	return key.Type(), ssh.FingerprintSHA256(key), nil
}

func authorized(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
