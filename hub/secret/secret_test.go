package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/cronium/cronium/hub/secret"
)

func keys(t *testing.T) *secret.Keys {
	t.Helper()
	k, err := secret.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatIsSealedOpens(t *testing.T) {
	k := keys(t)
	rapid.Check(t, func(t *rapid.T) {
		plain, aad := rapid.SliceOf(rapid.Byte()).Draw(t, "plain"), rapid.String().Draw(t, "aad")
		sealed, err := k.Seal(plain, aad)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Open(sealed, aad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open(Seal(%x)) = %x, %v", plain, got, err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Fatalf("the sealed value shows the plain one")
		}
	})
}

func TestEverySingleBitCounts(t *testing.T) {
	k := keys(t)
	sealed, err := k.Seal([]byte("s3cret"), "ca|1|key")
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if plain, err := k.Open(bad, "ca|1|key"); err == nil {
			t.Fatalf("opened %q with bit %d flipped", plain, i)
		}
	}
	for n := range sealed {
		if _, err := k.Open(sealed[:n], "ca|1|key"); !errors.Is(err, secret.ErrDamaged) {
			t.Fatalf("Open of %d bytes = %v, want ErrDamaged", n, err)
		}
	}
}

func TestValueOfAnotherRowDoesNotOpen(t *testing.T) {
	k := keys(t)
	sealed, err := k.Seal([]byte("s3cret"), "ca|1|key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(sealed, "ca|2|key"); !errors.Is(err, secret.ErrDamaged) {
		t.Fatalf("Open with another row's name = %v, want ErrDamaged", err)
	}
}

func TestAnotherHubsKeyIsNamed(t *testing.T) {
	sealed, err := keys(t).Seal([]byte("s3cret"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys(t).Open(sealed, "a"); !errors.Is(err, secret.ErrWrongKey) {
		t.Fatalf("Open = %v, want ErrWrongKey", err)
	}
}

func TestTheSameValueNeverLooksTheSame(t *testing.T) {
	k := keys(t)
	a, _ := k.Seal([]byte("s3cret"), "a")
	b, _ := k.Seal([]byte("s3cret"), "a")
	if bytes.Equal(a[60:], b[60:]) {
		t.Fatal("two seals are equal")
	}
}

func TestKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 30)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := secret.OpenKeys(dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("hubs that start at once have keys %v", ids)
		}
	}
	entries, _ := os.ReadDir(dir)
	info, err := os.Stat(filepath.Join(dir, "kek"))
	if err != nil || info.Mode().Perm() != 0o400 || len(entries) != 1 {
		t.Fatalf("kek is %v, %v beside %d files; want mode 0400 alone", info.Mode(), err, len(entries)-1)
	}
}

func TestBadKeyFileIsRefusedAndKept(t *testing.T) {
	good := "cronium-kek-1 " + strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"empty":              {"", 0o400},
		"short":              {"cronium-kek-1 abcd", 0o400},
		"not hex":            {"cronium-kek-1 " + strings.Repeat("zz", 32), 0o400},
		"other version":      {strings.Replace(good, "-1", "-9", 1), 0o400},
		"readable by others": {good, 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "kek")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := secret.OpenKeys(dir); !errors.Is(err, secret.ErrKeyFile) {
				t.Fatalf("OpenKeys = %v, want ErrKeyFile", err)
			}
			if text, _ := os.ReadFile(path); string(text) != c.text {
				t.Fatal("the key file was changed")
			}
		})
	}
}

func TestTextIsNeverPrinted(t *testing.T) {
	s := secret.NewText("s3cret")
	type holder struct{ Password secret.Text }
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "password", s, "holder", holder{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", s, "holder", holder{s})
	asJSON, err := json.Marshal(map[string]any{"a": s, "b": holder{s}, "c": &s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%s %v %+v %#v %q %x %v %+v %#v %s", s, s, s, s, s, s, holder{s}, &holder{s}, holder{s}, fmt.Errorf("bad %v", s)) +
		log.String() + string(asJSON)
	if strings.Contains(all, "s3cret") || strings.Contains(all, fmt.Sprintf("%x", "s3cret")) {
		t.Fatalf("printed: %s", all)
	}
	if s.Reveal() != "s3cret" || s.Empty() {
		t.Fatal("the value is gone")
	}
}
