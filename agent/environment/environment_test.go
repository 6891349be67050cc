package environment_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/environment"
)

var about = environment.About{Language: "python", Interpreter: "3.11 x86_64", Dependencies: []string{"a==1", "b==2"}, Source: "wheelhouse=/w"}

func open(t *testing.T) (environment.Cache, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "environments")
	c, err := environment.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Clean(time.Now().Add(time.Hour), environment.Bounds{}) })
	return c, dir
}

func use(t *testing.T, c environment.Cache, a environment.About) *environment.Hold {
	t.Helper()
	h, err := c.Use(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Release)
	return h
}

// build builds what h stands for, with one file of that many bytes.
func build(t *testing.T, h *environment.Hold, bytes int) *environment.Hold {
	t.Helper()
	site, err := h.Site(os.Getuid(), os.Getgid())
	if err == nil {
		err = os.Mkdir(filepath.Join(site, "env"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(site, "env", "file"), make([]byte, bytes), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.Keep(t.Context(), site, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Release)
	return kept
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestTheKeyIsAllThatTheContentDependsOn(t *testing.T) {
	swapped := about
	swapped.Dependencies = []string{"b==2", "a==1"}
	if swapped.Key() != about.Key() {
		t.Error("the order of the dependencies changes the key")
	}
	for name, change := range map[string]func(*environment.About){
		"language":     func(a *environment.About) { a.Language = "node" },
		"interpreter":  func(a *environment.About) { a.Interpreter = "3.12 x86_64" },
		"dependencies": func(a *environment.About) { a.Dependencies = []string{"a==1"} },
		"source":       func(a *environment.About) { a.Source = "" },
		"builds":       func(a *environment.About) { a.Builds = true },
	} {
		other := about
		if change(&other); other.Key() == about.Key() {
			t.Errorf("another %s has the same key", name)
		}
	}
}

func TestAnEnvironmentIsBuiltOnceHoweverManyWantIt(t *testing.T) {
	c, _ := open(t)
	var built, waited atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			h, err := c.Use(t.Context(), about, func() { waited.Add(1) })
			if err != nil {
				t.Error(err)
				return
			}
			if !h.Ready {
				built.Add(1)
				h = build(t, h, 10)
			}
			if _, err := os.Stat(filepath.Join(h.Path, "file")); err != nil || !h.Ready {
				t.Errorf("in use, and not whole: %v", err)
			}
		})
	}
	all.Wait()
	if built.Load() != 1 || waited.Load() == 0 {
		t.Errorf("it was built %d times and waited for by %d, want once and by some", built.Load(), waited.Load())
	}
	if h := use(t, c, about); !h.Ready {
		t.Error("it is built again")
	}
}

func TestWhatIsWholeCannotBeChanged(t *testing.T) {
	c, _ := open(t)
	h := use(t, c, about)
	site, err := h.Site(1234, 1234)
	if err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(site, "env")
	outside := filepath.Join(t.TempDir(), "outside")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(env, "bin"), 0o777), os.WriteFile(filepath.Join(env, "bin", "tool"), []byte("#!/bin/sh\n"), 0o777),
		os.Chmod(filepath.Join(env, "bin", "tool"), 0o777|fs.ModeSetuid), os.WriteFile(outside, nil, 0o600),
		os.Symlink(outside, filepath.Join(env, "link")), syscall.Mkfifo(filepath.Join(env, "pipe"), 0o600),
		os.WriteFile(filepath.Join(env, "about.json"), []byte("{}"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{env, filepath.Join(env, "bin"), filepath.Join(env, "bin", "tool")} {
		if err := os.Chown(path, 1234, 1234); os.Geteuid() == 0 && err != nil {
			t.Fatal(err)
		}
	}
	kept, err := h.Keep(t.Context(), site, time.Now())
	if err != nil || !kept.Ready {
		t.Fatalf("Keep: %+v, %v", kept, err)
	}
	defer kept.Release()
	for path, want := range map[string]fs.FileMode{"": fs.ModeDir | 0o555, "bin": fs.ModeDir | 0o555, "bin/tool": 0o555, "about.json": 0o444} {
		info, err := os.Lstat(filepath.Join(kept.Path, path))
		if err != nil || info.Mode() != want || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			t.Errorf("%q: %v, %v; want %v and ours", path, info, err, want)
		}
	}
	if info, err := os.Stat(outside); err != nil || info.Mode() != 0o600 {
		t.Errorf("what a link leads to has changed: %v, %v", info, err)
	}
	if _, err := os.Lstat(filepath.Join(kept.Path, "pipe")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pipe was kept: %v", err)
	}
	var told environment.About
	text, err := os.ReadFile(filepath.Join(kept.Path, "about.json"))
	if err == nil {
		err = json.Unmarshal(text, &told)
	}
	if err != nil || told.Language != "python" || told.Bytes == 0 || told.BuiltAt.IsZero() || strings.Contains(string(text), "wheelhouse") {
		t.Errorf("about.json: %s, %v", text, err)
	}
}

func TestWhatFailedOrWasKilledIsNotTakenForWhole(t *testing.T) {
	c, dir := open(t)
	h := use(t, c, about)
	site, err := h.Site(os.Getuid(), os.Getgid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Clean(time.Now(), environment.Bounds{Bytes: 1 << 30, Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(site); err != nil {
		t.Fatalf("what is being built was cleaned away: %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if _, err := c.Use(ctx, about, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Use while it is being built: %v", err)
	}
	h.Release() // as the kernel does for a process that was killed
	if next := use(t, c, about); next.Ready {
		t.Fatal("half an environment is ready")
	} else {
		next.Release()
	}
	if _, err := c.Clean(time.Now(), environment.Bounds{Bytes: 1 << 30, Age: time.Hour}); err != nil || names(t, dir) != "" {
		t.Errorf("after cleaning there are %q, %v; want nothing", names(t, dir), err)
	}
}

func TestOldAndTooManyEnvironmentsGoUnlessInUse(t *testing.T) {
	c, dir := open(t)
	var holds []*environment.Hold
	for _, name := range []string{"first", "second", "third"} {
		a := about
		a.Dependencies = []string{name}
		holds = append(holds, build(t, use(t, c, a), 1<<20))
	}
	now := time.Now()
	for i, h := range holds {
		at := now.Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(h.Path+".lock", at, at); err != nil {
			t.Fatal(err)
		}
	}
	holds[1].Release()
	holds[2].Release()
	u, err := c.Usage()
	if err != nil || u.Environments != 3 || u.Bytes < 3<<20 {
		t.Fatalf("Usage = %+v, %v", u, err)
	}
	// The first is the oldest, but in use: the second goes.
	if n, err := c.Clean(now, environment.Bounds{Bytes: u.Bytes - 1, Age: time.Hour}); n != 1 || err != nil {
		t.Fatalf("Clean = %d, %v; want one", n, err)
	}
	left := names(t, dir)
	if strings.Contains(left, filepath.Base(holds[1].Path)) || !strings.Contains(left, filepath.Base(holds[0].Path)) {
		t.Fatalf("there are %s", left)
	}
	if n, err := c.Clean(now, environment.Bounds{Bytes: 1 << 40, Age: time.Minute}); n != 1 || err != nil {
		t.Fatalf("Clean by age = %d, %v; want one", n, err)
	}
	if _, err := os.Stat(filepath.Join(holds[0].Path, "file")); err != nil {
		t.Fatalf("an environment in use is gone: %v", err)
	}
	holds[0].Release()
	if n, err := c.Clean(now, environment.Bounds{}); n != 1 || err != nil || names(t, dir) != "" {
		t.Fatalf("Clean = %d, %v; %q is left", n, err, names(t, dir))
	}
}

// Users, builders and cleaners get into each other's way as much as they can.
func TestNobodySeesAnEnvironmentGoWhileItIsUsed(t *testing.T) {
	c, _ := open(t)
	stop := make(chan struct{})
	var cleaner, users sync.WaitGroup
	cleaner.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := c.Clean(time.Now().Add(time.Hour), environment.Bounds{}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 4 {
		users.Go(func() {
			for range 5 {
				h, err := c.Use(t.Context(), about, nil)
				for err == nil && !h.Ready { // it may have been cleaned away in between
					h = build(t, h, 10)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.ReadFile(filepath.Join(h.Path, "file")); err != nil {
					t.Error(err)
				}
				h.Release()
			}
		})
	}
	users.Wait()
	close(stop)
	cleaner.Wait()
}
