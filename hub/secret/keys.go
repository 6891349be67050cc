package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	version   = 1
	keySize   = 32
	idSize    = 8
	overhead  = 12 + 16 // nonce and tag of one GCM seal
	wrapped   = keySize + overhead
	headSize  = 1 + idSize
	shortest  = headSize + wrapped + overhead
	fileName  = "kek"
	keyPrefix = "cronium-kek-1 "
)

// Keys seals and opens. It holds the key-encryption key.
type Keys struct {
	id  [idSize]byte
	kek cipher.AEAD
}

// OpenKeys reads the key file in dir, which only we may read, and makes it the
// first time. Two hubs that start at once on one directory get the same key.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, ErrKeyFile.With("%v", err)
	}
	path := filepath.Join(dir, fileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(dir, path); err != nil {
			return nil, ErrKeyFile.With("make %s: %v", path, err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, ErrKeyFile.With("%v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, ErrKeyFile.With("%v", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, ErrKeyFile.With("%s may be read by others (mode %04o)", path, info.Mode().Perm()).
			Hinted("Run: chmod 0400 %s. If others could have read it, treat the secrets as known.", path)
	}
	digits, ok := strings.CutPrefix(strings.TrimSpace(string(text)), keyPrefix)
	key, err := hex.DecodeString(digits)
	if !ok || err != nil || len(key) != keySize {
		return nil, ErrKeyFile.With("%s does not hold a key", path)
	}
	return newKeys(key)
}

func newKeys(key []byte) (*Keys, error) {
	kek, err := aead(key)
	if err != nil {
		return nil, ErrKeyFile.With("%v", err)
	}
	k := &Keys{kek: kek}
	sum := sha256.Sum256(append([]byte("cronium kek id\x00"), key...))
	copy(k.id[:], sum[:])
	return k, nil
}

// makeKey writes a new key beside its place and links it there, so that the file
// is whole or absent, and the first of two writers wins.
func makeKey(dir, path string) error {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	f, err := os.CreateTemp(dir, ".kek-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "%s%x\n", keyPrefix, key)
	err = errors.Join(err, f.Chmod(0o400), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// ID names the key-encryption key without telling it.
func (k *Keys) ID() string { return hex.EncodeToString(k.id[:]) }

// Seal encrypts plain. aad says what the value is; [Keys.Open] needs the same.
func (k *Keys) Seal(plain []byte, aad string) ([]byte, error) {
	dek := make([]byte, keySize)
	_, _ = rand.Read(dek) // never fails
	value, err := aead(dek)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out := make([]byte, 0, shortest+len(plain))
	out = append(out, version)
	out = append(out, k.id[:]...)
	head := string(out)
	out = k.kek.Seal(out, nil, dek, []byte(head+aad))
	return value.Seal(out, nil, plain, []byte(head+aad)), nil
}

// Open decrypts what [Keys.Seal] made. It returns [ErrWrongKey] when another
// key-encryption key sealed it, and [ErrDamaged] when it was changed or belongs
// elsewhere.
func (k *Keys) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < shortest || sealed[0] != version {
		return nil, ErrDamaged.With("not a sealed value")
	}
	head := string(sealed[:headSize])
	if head[1:] != string(k.id[:]) {
		return nil, ErrWrongKey.With("the value was sealed with key %x, this hub has %s", head[1:], k.ID())
	}
	dek, err := k.kek.Open(nil, nil, sealed[headSize:headSize+wrapped], []byte(head+aad))
	if err != nil {
		return nil, ErrDamaged.With("the value's key does not open")
	}
	value, err := aead(dek)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plain, err := value.Open(nil, nil, sealed[headSize+wrapped:], []byte(head+aad))
	if err != nil {
		return nil, ErrDamaged.With("the value does not open")
	}
	return plain, nil
}

// aead draws its own nonces; the wrapping key would have to seal 2^32 values
// before that mattered, and each value's key seals once.
func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
