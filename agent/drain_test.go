package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestTheLastWordOnDrainingCounts plays a host and a hub that both decide.
func TestTheLastWordOnDrainingCounts(t *testing.T) {
	dir := t.TempDir()
	d, err := openDrain(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := func(draining, untold bool, when string) {
		t.Helper()
		again, err := openDrain(dir) // as the next agent finds it
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []*drain{d, again} {
			if one.Draining() != draining || (one.Untold() != nil) != untold {
				t.Fatalf("%s: draining %v, untold %v; want %v, %v", when, one.Draining(), one.Untold() != nil, draining, untold)
			}
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want(false, false, "at first")
	check(d.Ordered(true))
	want(true, false, "ordered by the hub")
	check(d.Ordered(false))
	want(false, false, "resumed by the hub")

	// The command writes without an agent that it could ask how it is.
	if _, err := SetDraining(t.Context(), dir, true); err == nil {
		t.Fatal("SetDraining of a directory that is not enrolled = nil")
	}
	check(d.reload())
	want(true, true, "decided here")
	select {
	case <-d.Bell():
	default:
		t.Fatal("the bell did not ring")
	}
	check(d.Ordered(false))
	want(true, true, "the hub's word is older")
	check(d.Told(false))
	want(true, true, "the hub was told something else")
	check(d.Told(true))
	want(true, false, "told")
	check(d.Ordered(false))
	want(false, false, "resumed by the hub again")
}

func TestABrokenWordOnDrainingIsNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, drainFile), []byte("yes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDrain(dir); !errors.Is(err, ErrDataDir) {
		t.Fatalf("openDrain = %v, want ErrDataDir", err)
	}
}
