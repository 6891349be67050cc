package uplink

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	"github.com/cronium/cronium/proto/wire"
)

const (
	identityFile    = "agent.json"
	caFile          = "ca.pem"
	credentialsFile = "credentials.pem"
)

// Identity is who an agent is.
type Identity struct {
	AgentID  string            `json:"agent_id"`
	Name     string            `json:"name"`
	Instance string            `json:"instance_id"`
	Hub      string            `json:"hub"` // address
	Labels   map[string]string `json:"labels,omitempty"`
	Keys     payload.Keys      `json:"signing_keys"` // whose payloads are run

	dir string

	mu         sync.Mutex
	cas        *x509.CertPool
	cert       *tls.Certificate
	generation int64
}

func (id *Identity) trust() *x509.CertPool {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.cas
}

func (id *Identity) certificate() (*tls.Certificate, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.cert, nil
}

func (id *Identity) currentGeneration() int64 {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.generation
}

// Until is the end of the certificate.
func (id *Identity) Until() time.Time {
	cert, _ := id.certificate()
	return cert.Leaf.NotAfter
}

// AddLabels adds labels for this process only. It is called before the identity is
// used.
func (id *Identity) AddLabels(labels map[string]string) {
	id.Labels = maps.Clone(id.Labels)
	if id.Labels == nil {
		id.Labels = map[string]string{}
	}
	maps.Copy(id.Labels, labels)
}

func (id *Identity) expired(now time.Time) bool {
	return now.After(id.Until())
}

// renewIn is the time until two thirds of the certificate's life, give or take a
// tenth of it, so that agents enrolled together do not renew together.
func (id *Identity) renewIn(now time.Time) time.Duration {
	cert, _ := id.certificate()
	life := cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
	at := cert.Leaf.NotBefore.Add(life*2/3 - life/10 + rand.N(life/5+1))
	return max(0, at.Sub(now))
}

// LoadIdentity reads the identity in dir. Without one it returns [ErrNotEnrolled].
func LoadIdentity(dir string) (*Identity, error) {
	b, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled.With("%s has no %s", dir, identityFile)
	}
	id := &Identity{dir: dir}
	if err == nil {
		err = json.Unmarshal(b, id)
	}
	if err == nil {
		err = id.loadSecrets()
	}
	if err != nil {
		return nil, ErrIdentity.With("%v", err)
	}
	return id, nil
}

func (id *Identity) loadSecrets() error {
	ca, err := os.ReadFile(filepath.Join(id.dir, caFile))
	if err != nil {
		return err
	}
	cas, err := wire.Pool(ca)
	if err != nil {
		return err
	}
	cred, err := os.ReadFile(filepath.Join(id.dir, credentialsFile))
	if err != nil {
		return err
	}
	cert, generation, err := parseCredentials(cred)
	if err != nil {
		return err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	id.cas, id.cert, id.generation = cas, cert, generation
	return nil
}

// parseCredentials reads what encodeCredentials wrote. The generation is a header
// of the key's block.
func parseCredentials(b []byte) (*tls.Certificate, int64, error) {
	key, _ := pem.Decode(b)
	if key == nil {
		return nil, 0, errors.New(credentialsFile + " holds no key")
	}
	var generation int64
	if _, err := fmt.Sscan(key.Headers["Generation"], &generation); err != nil {
		return nil, 0, fmt.Errorf("%s holds no generation: %w", credentialsFile, err)
	}
	key.Headers = nil
	cert, err := wire.KeyPair(b, pem.EncodeToMemory(key))
	return cert, generation, err
}

func encodeCredentials(key *ecdsa.PrivateKey, c *agentv1.Certificate) ([]byte, error) {
	keyPEM, err := wire.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(keyPEM)
	block.Headers = map[string]string{"Generation": fmt.Sprint(c.GetGeneration())}
	b := append(pem.EncodeToMemory(block), c.GetChainPem()...)
	if _, _, err := parseCredentials(b); err != nil {
		return nil, fmt.Errorf("the hub's certificate does not fit: %w", err)
	}
	return b, nil
}

// adopt writes a new certificate and makes it the identity's.
func (id *Identity) adopt(key *ecdsa.PrivateKey, c *agentv1.Certificate) error {
	cred, err := encodeCredentials(key, c)
	if err != nil {
		return err
	}
	if len(c.GetCaPem()) > 0 {
		if _, err := wire.Pool(c.GetCaPem()); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(id.dir, caFile), c.GetCaPem()); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(id.dir, credentialsFile), cred); err != nil {
		return err
	}
	return id.loadSecrets()
}

// save writes the identity for the first time. The file with the name comes last:
// with it, the directory is enrolled.
func (id *Identity) save(key *ecdsa.PrivateKey, c *agentv1.Certificate) error {
	if err := id.adopt(key, c); err != nil {
		return err
	}
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(id.dir, identityFile), append(b, '\n'))
}

// writeFile replaces a file, whole and on disk.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
