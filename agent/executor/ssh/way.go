package ssh

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// maxHops is how many servers a way may have.
const maxHops = 4

var (
	userName = regexp.MustCompile(`^[a-z_][a-z0-9_.-]{0,31}\$?$`)
	hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)
)

// hop is a server and what opens it.
type hop struct {
	id, name, addr, user string
	hostKey              ssh.PublicKey // nil: not confirmed
	credential           *agentv1.Credential
}

// way is the servers to a server, which is the last.
type way []hop

// wayTo checks what a payload or a probe says, and brings credentials and servers
// together.
func wayTo(server *runnerv1.Server, credentials []*agentv1.Credential) (way, error) {
	var w way
	for s := server; s != nil; s = s.GetJump() {
		if len(w) == maxHops {
			return nil, ErrServer.With("the way to %q has more than %d servers", server.GetName(), maxHops)
		}
		h, err := hopOf(s)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(credentials, func(c *agentv1.Credential) bool { return c.GetServerId() == s.GetId() })
		if i >= 0 {
			h.credential = credentials[i]
		}
		w = append(w, h)
	}
	slices.Reverse(w)
	return w, nil
}

func hopOf(s *runnerv1.Server) (hop, error) {
	h := hop{id: s.GetId(), name: s.GetName(), addr: s.GetAddress(), user: s.GetUser()}
	host, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		return h, ErrServer.With("%v", err)
	}
	if _, err := netip.ParseAddr(host); err != nil && (len(host) > 253 || !hostName.MatchString(host)) {
		return h, ErrServer.With("%q is neither an IP address nor the name of a host", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return h, ErrServer.With("%q is no port", port)
	}
	if !userName.MatchString(h.user) {
		return h, ErrServer.With("%q is no name of a user", h.user)
	}
	if len(s.GetHostKey()) > 0 {
		if h.hostKey, err = ssh.ParsePublicKey(s.GetHostKey()); err != nil {
			return h, ErrServer.With("its host key: %v", err)
		}
	}
	return h, nil
}

// key tells lines apart. What is the same server to the same user with the same
// credential has the same key.
func (w way) key() [sha256.Size]byte {
	sum := sha256.New()
	for _, h := range w {
		var hostKey []byte
		if h.hostKey != nil {
			hostKey = h.hostKey.Marshal()
		}
		c := h.credential
		for _, part := range [][]byte{[]byte(h.id), []byte(h.addr), []byte(h.user), hostKey,
			[]byte(c.GetPassword()), c.GetPrivateKeyPem(), []byte(c.GetPassphrase())} {
			fmt.Fprintf(sum, "%d:%s", len(part), part)
		}
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// server is the last hop.
func (w way) server() hop { return w[len(w)-1] }

func (h hop) String() string { return fmt.Sprintf("%s (%s)", h.name, h.addr) }

// algorithms are those with which a host can prove that it has its key.
func (h hop) algorithms() []string {
	if h.hostKey == nil {
		return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	if h.hostKey.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{h.hostKey.Type()}
}

// checkKey compares the key that a host shows.
func (h hop) checkKey(shown ssh.PublicKey) error {
	switch {
	case h.hostKey == nil:
		return ErrUnconfirmed.With("%s shows the key %s %s", h, shown.Type(), ssh.FingerprintSHA256(shown))
	case !bytes.Equal(shown.Marshal(), h.hostKey.Marshal()):
		return ErrHostKey.With("%s shows the key %s %s, and %s %s was confirmed", h,
			shown.Type(), ssh.FingerprintSHA256(shown), h.hostKey.Type(), ssh.FingerprintSHA256(h.hostKey))
	}
	return nil
}

// auth is how to show the credential. A password is offered once: each refusal
// counts towards the lock of an account.
func (h hop) auth() ([]ssh.AuthMethod, error) {
	c := h.credential
	switch {
	case len(c.GetPrivateKeyPem()) > 0:
		var signer ssh.Signer
		var err error
		if c.GetPassphrase() != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(c.GetPrivateKeyPem(), []byte(c.GetPassphrase()))
		} else {
			signer, err = ssh.ParsePrivateKey(c.GetPrivateKeyPem())
		}
		if err != nil {
			return nil, ErrKey.With("that of %s: %v", h, err)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, nil
	case c.GetPassword() != "":
		return passwordOnce(c.GetPassword()), nil
	}
	return nil, ErrCredentials.With("%s has neither key nor password", h)
}

func passwordOnce(password string) []ssh.AuthMethod {
	offered := false
	return []ssh.AuthMethod{
		ssh.PasswordCallback(func() (string, error) {
			offered = true
			return password, nil
		}),
		ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			if len(questions) == 0 {
				return nil, nil
			}
			if offered || len(questions) > 1 || echos[0] {
				return nil, ErrAuth.With("it asks for more than the password")
			}
			offered = true
			return []string{password}, nil
		}),
	}
}
