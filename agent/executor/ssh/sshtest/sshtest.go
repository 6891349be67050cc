// Package sshtest is servers for tests: an OpenSSH sshd each, on loopback, with
// keys, configuration and directories of its own. It needs no account: the test's
// own user logs in, with a home directory of the server's.
package sshtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Server is a running sshd.
type Server struct {
	ID      string
	Addr    string
	User    string
	HostKey []byte // public, SSH wire format
	Cache   string // the user's cache directory

	Authorized []byte // the line that lets [Server.Credential] in

	key  []byte // private, of the user
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  logBook
}

// logBook is what sshd says.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Start starts an sshd that ends with the test. The lines are added to its
// configuration.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	s, stop, err := New(lines...)
	if err != nil {
		t.Fatalf("start an SSH server (make install-test installs it): %v", err)
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("sshd: %s", s.log.String())
		}
	})
	return s
}

// New is Start for a server that several tests share. The function ends it.
func New(lines ...string) (*Server, func(), error) {
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	return start(net.JoinHostPort("127.0.0.1", port), nil, lines)
}

// start starts a server at addr by a command before its own.
func start(addr string, by, lines []string) (*Server, func(), error) {
	dir, err := os.MkdirTemp("", "cronium-ssh-")
	if err != nil {
		return nil, nil, err
	}
	s := &Server{ID: uuid.NewString(), Addr: addr, Cache: filepath.Join(dir, "home", ".cache")}
	if err = s.prepare(dir, lines); err == nil {
		err = s.run(dir, by)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	return s, func() { s.stop(dir) }, nil
}

// NewKey returns a key pair: private as a PEM file, public as a line of
// authorized_keys.
func NewKey(passphrase string) (private, public []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		return nil, nil, err
	}
	line, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(line), nil
}

func (s *Server) prepare(dir string, lines []string) error {
	self, err := user.Current()
	if err != nil {
		return err
	}
	s.User = self.Username
	hostKey, hostPublic, err := NewKey("")
	if err != nil {
		return err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(hostPublic)
	if err != nil {
		return err
	}
	s.HostKey = key.Marshal()
	private, authorized, err := NewKey("")
	if err != nil {
		return err
	}
	s.key, s.Authorized = private, authorized
	config := append([]string{
		"ListenAddress " + s.Addr, "HostKey " + filepath.Join(dir, "host_key"), "PidFile none", "AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes", "MaxStartups 1000", "MaxSessions 100", "LogLevel VERBOSE", "UseDNS no",
		// A home of its own: the start-up files of the user's shell are not under test.
		"SetEnv HOME=" + filepath.Dir(s.Cache) + " CRONIUM_LEAK=of-the-server PATH=/usr/local/bin:/usr/bin:/bin",
	}, lines...)
	if err := os.MkdirAll(s.Cache, 0o700); err != nil {
		return err
	}
	if os.Geteuid() == 0 { // where sshd locks up what it does not trust of itself
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	for name, body := range map[string][]byte{"host_key": hostKey, "authorized_keys": authorized, "config": []byte(strings.Join(config, "\n") + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func freePort() (string, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// run starts sshd and waits until it listens.
func (s *Server) run(dir string, by []string) error {
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd" // Debian's users do not have it on their path
	}
	args := slices.Concat(by, []string{path, "-D", "-e", "-f", filepath.Join(dir, "config")})
	s.cmd = exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // ended by stop
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	for end := time.After(20 * time.Second); ; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", s.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return err
		case <-end:
			_ = s.cmd.Process.Kill()
			<-s.done
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) stop(dir string) {
	s.EndSessions()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
	_ = os.RemoveAll(dir)
}

// EndSessions kills the processes of sshd that serve connections. What they have
// started they leave to itself.
func (s *Server) EndSessions() {
	for _, pid := range s.servants() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Sessions is how many processes of sshd serve connections now.
func (s *Server) Sessions() int { return len(s.servants()) }

// servants are the sshds that descend from ours.
func (s *Server) servants() []int {
	parents := map[int]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		pid, atoiErr := strconv.Atoi(filepath.Base(dir))
		before, after, ok := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		if err != nil || atoiErr != nil || !ok || len(fields) < 2 || !strings.Contains(before, "(sshd") {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	var list []int
	for pid := range parents {
		for p := parents[pid]; p > 1; p = parents[p] {
			if p == s.cmd.Process.Pid {
				list = append(list, pid)
				break
			}
		}
	}
	return list
}

// Connections is how many connections there have been that logged in.
func (s *Server) Connections() int { return strings.Count(s.log.String(), "Accepted publickey for ") }

// Proto is the server as a payload has it.
func (s *Server) Proto() *runnerv1.Server {
	return &runnerv1.Server{Id: s.ID, Name: "test", Address: s.Addr, User: s.User, HostKey: s.HostKey}
}

// Credential opens it.
func (s *Server) Credential() *agentv1.Credential {
	return &agentv1.Credential{ServerId: s.ID, PrivateKeyPem: s.key}
}

// Authorize lets in who has the key of this line of authorized_keys.
func (s *Server) Authorize(t testing.TB, line string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(filepath.Dir(s.Cache)), "authorized_keys")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Fingerprint is that of the host key, as ssh-keygen prints it.
func (s *Server) Fingerprint() string {
	sum := sha256.Sum256(s.HostKey)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// Base is where we are on the server.
func (s *Server) Base() string { return filepath.Join(s.Cache, "cronium") }
