package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
)

func open(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func create(t *testing.T, j *journal.Journal, fence int64) *journal.Entry {
	t.Helper()
	e, err := j.Create(journal.Intent{Ref: journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: fence}, Kind: "test"}, []byte("spec"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatIsWrittenIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	e := create(t, j, 41)
	if err := e.Claim(journal.Started{Runner: boot.Process{PID: 7, Start: 8, BootID: "b"}, At: time.Second}); err != nil {
		t.Fatal(err)
	}
	want := journal.Exit{Outcome: journal.Failed, Code: 3, Duration: time.Minute, LogBytes: 9, BootID: boot.ID(), WallTime: time.Unix(5, 0).UTC(),
		Problem: &journal.Problem{Code: "exit_code", Title: "t", Detail: "d", Hint: "h"}}
	if err := errors.Join(e.ReserveExit(), e.Finish(want), j.SaveFence()); err != nil {
		t.Fatal(err)
	}

	again := open(t, dir)
	if again.ID() != j.ID() || again.MaxFence() != 41 {
		t.Fatalf("id %s, fence %d; want %s, 41", again.ID(), again.MaxFence(), j.ID())
	}
	entries, err := again.Entries()
	if err != nil || len(entries) != 1 || entries[0].Ref != e.Ref {
		t.Fatalf("Entries = %v, %v; want the one", entries, err)
	}
	got, raw, ok, err := entries[0].Exit()
	if err != nil || !ok || len(raw) == 0 {
		t.Fatalf("Exit: %v, %v", ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if spec, err := entries[0].Spec(); string(spec) != "spec" || err != nil {
		t.Fatalf("Spec = %q, %v", spec, err)
	}
}

func TestOfManyClaimsExactlyOneWins(t *testing.T) {
	e := create(t, open(t, t.TempDir()), 1)
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			other := &journal.Entry{Ref: e.Ref, Dir: e.Dir}
			switch err := other.Claim(journal.Started{Abandoned: i%2 == 0}); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, journal.ErrClaimed):
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d claims won and %d lost, want exactly one winner", won.Load(), lost.Load())
	}
}

func TestAnAttemptIsWrittenOnce(t *testing.T) {
	j := open(t, t.TempDir())
	e := create(t, j, 1)
	if _, err := j.Create(journal.Intent{Ref: e.Ref}, nil); !errors.Is(err, journal.ErrExists) {
		t.Fatalf("second Create: %v, want ErrExists", err)
	}
}

func TestWhatHasNoIntentIsClearedAway(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	kept := create(t, j, 1)
	gone := create(t, j, 2)
	if err := gone.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{uuid.NewString() + ".1", ".gone-x", "junk"} {
		if err := os.MkdirAll(filepath.Join(dir, "runs", name, "work", "locked"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := j.Entries()
	if err != nil || len(entries) != 1 || entries[0].Ref != kept.Ref {
		t.Fatalf("Entries = %v, %v; want only %v", entries, err, kept.Ref)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "runs")); len(left) != 1 {
		t.Fatalf("%d directories are left, want 1", len(left))
	}
}

func TestAForeignFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.json"), []byte(`{"format":9,"id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, journal.Config{}); !errors.Is(err, journal.ErrFormat) {
		t.Fatalf("Open = %v, want ErrFormat", err)
	}
}

func TestALongProblemIsCutToFit(t *testing.T) {
	e := create(t, open(t, t.TempDir()), 1)
	long := strings.Repeat("ä\x01", 100_000)
	if err := e.Finish(journal.Exit{Outcome: journal.Failed, Problem: &journal.Problem{Code: "c", Title: long, Detail: long, Hint: long}}); err != nil {
		t.Fatal(err)
	}
	if _, raw, ok, err := e.Exit(); !ok || err != nil || len(raw) > 4096 {
		t.Fatalf("Exit: %v, %v, %d bytes; want at most 4096", ok, err, len(raw))
	}
}

func TestAFullDiskLeavesRoomForTheResult(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, dir)
	e := create(t, j, 1)
	if err := e.ReserveExit(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "junk"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := bytes.Repeat([]byte("x"), 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	runner := &journal.Entry{Ref: e.Ref, Dir: e.Dir} // has no reserve to spend
	if err := runner.Finish(journal.Exit{Outcome: journal.Succeeded}); err != nil {
		t.Fatalf("Finish on a full disk: %v", err)
	}
	if err := e.Delivered(); err != nil {
		t.Fatalf("Delivered on a full disk: %v", err)
	}
	if err := j.SaveFence(); err != nil {
		t.Fatalf("SaveFence on a full disk: %v", err)
	}
}

func TestUsersAreKnownUntilTheirDirectoryIsGone(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	e, other := create(t, j, 1), create(t, j, 2)
	if _, ok, err := e.User(); ok || err != nil {
		t.Fatalf("User before SetUser: %v, %v", ok, err)
	}
	if err := errors.Join(e.SetUser(61200), other.SetUser(61201)); err != nil {
		t.Fatal(err)
	}
	if uid, ok, err := e.User(); uid != 61200 || !ok || err != nil {
		t.Fatalf("User = %d, %v, %v", uid, ok, err)
	}
	// Half of the way to being removed.
	gone := filepath.Join(filepath.Dir(other.Dir), ".gone-"+filepath.Base(other.Dir))
	if err := os.Rename(other.Dir, gone); err != nil {
		t.Fatal(err)
	}
	users, err := open(t, dir).Users()
	if err != nil || len(users) != 2 || users[61200].Gone() || users[61201].Gone() || other.Gone() {
		t.Fatalf("Users = %v, %v; want both, none of them gone", users, err)
	}
	if err := errors.Join(os.RemoveAll(gone), e.Remove()); err != nil {
		t.Fatal(err)
	}
	if !users[61200].Gone() || !users[61201].Gone() || !other.Gone() {
		t.Fatal("removed, and not gone")
	}
}

func ExampleRef() {
	fmt.Println(journal.Ref{RunID: "../../etc", Attempt: 1, Fence: 1}.Valid())
	// Output: false
}
