package sshkey_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/hub/server/sshkey"
)

func encode(t *testing.T, key any, passphrase string) []byte {
	t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "x")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "x", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAGeneratedKeyIsOneThatIsAccepted(t *testing.T) {
	private, public, err := sshkey.Generate("cronium-db-1")
	if err != nil {
		t.Fatal(err)
	}
	read, err := sshkey.Read(private, "")
	if err != nil || public != read+" cronium-db-1" || !strings.HasPrefix(public, "ssh-ed25519 AAAA") {
		t.Fatalf("Generate = %q, and Read of it = %q, %v", public, read, err)
	}
}

func TestKeysThatPeoplePasteAreJudged(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ed := edKey(t)
	locked := encode(t, ed, "hunter2")
	for name, c := range map[string]struct {
		pem        []byte
		passphrase string
		want       error
	}{
		"ed25519":           {encode(t, ed, ""), "", nil},
		"ecdsa":             {encode(t, curve, ""), "", nil},
		"rsa":               {encode(t, good, ""), "", nil},
		"with a passphrase": {locked, "hunter2", nil},
		"wrong passphrase":  {locked, "hunter3", sshkey.ErrPassphrase},
		"no passphrase":     {locked, "", sshkey.ErrPassphrase},
		"no key":            {[]byte("hunter2"), "", sshkey.ErrKey},
		"a public key":      {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE"), "", sshkey.ErrKey},
		"cut":               {encode(t, ed, "")[:80], "", sshkey.ErrKey},
		"huge":              {make([]byte, 40<<10), "", sshkey.ErrKey},
		"weak rsa":          {encode(t, weak, ""), "", sshkey.ErrKey},
		"endless rounds":    {rounds(t, locked, 1<<31), "hunter2", sshkey.ErrKey},
	} {
		public, err := sshkey.Read(c.pem, c.passphrase)
		if !errors.Is(err, c.want) || (err == nil) != (public != "") {
			t.Errorf("%s: Read = %q, %v; want %v", name, public, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

// rounds changes how often the passphrase of a key is hashed.
func rounds(t *testing.T, key []byte, n uint32) []byte {
	t.Helper()
	block, _ := pem.Decode(key)
	at := strings.Index(string(block.Bytes), "bcrypt") + len("bcrypt") + 4 // the length of the options
	salt := binary.BigEndian.Uint32(block.Bytes[at:])
	binary.BigEndian.PutUint32(block.Bytes[at+4+int(salt):], n)
	return pem.EncodeToMemory(block)
}

func TestAHostKeyHasATypeAndAFingerprint(t *testing.T) {
	public, err := ssh.NewPublicKey(edKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	kind, fingerprint, err := sshkey.HostKey(public.Marshal())
	if err != nil || kind != "ssh-ed25519" || fingerprint != ssh.FingerprintSHA256(public) {
		t.Fatalf("HostKey = %q, %q, %v", kind, fingerprint, err)
	}
	signer, err := ssh.NewSignerFromKey(edKey(t))
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: public, CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	for name, wire := range map[string][]byte{"nothing": nil, "noise": []byte("noise"), "huge": make([]byte, 20<<10), "a certificate": cert.Marshal()} {
		if _, _, err := sshkey.HostKey(wire); !errors.Is(err, sshkey.ErrHostKey) {
			t.Errorf("%s: HostKey = %v, want %v", name, err, sshkey.ErrHostKey)
		}
	}
}

func FuzzRead(f *testing.F) {
	private, _, err := sshkey.Generate("x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private, "")
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n"), "x")
	f.Fuzz(func(t *testing.T, key []byte, passphrase string) {
		if public, err := sshkey.Read(key, passphrase); (err == nil) == (public == "") {
			t.Fatalf("Read = %q, %v", public, err)
		}
	})
}
