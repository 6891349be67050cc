package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// group is a v2 group as files: enough for what is read of it, and for what is
// written to it.
func group(t *testing.T, name, offered, given string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"cgroup.controllers": offered, "cgroup.subtree_control": given, "cgroup.procs": ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestADelegatedGroupHandsOutWhatItHasNot(t *testing.T) {
	for name, c := range map[string]struct {
		offered, given string
		want           []string
		order          string
	}{
		"all to be handed out": {"cpuset cpu io memory pids", "", []string{"memory", "cpu", "pids"}, "+memory +cpu +pids"},
		"some handed out":      {"cpu memory pids", "memory", []string{"memory", "cpu", "pids"}, "+cpu +pids"},
		"all handed out":       {"cpu memory pids", "pids memory cpu", []string{"memory", "cpu", "pids"}, "pids memory cpu"},
		"one offered":          {"pids", "", []string{"pids"}, "+pids"},
		"bare":                 {"hugetlb", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := group(t, "unit", c.offered, c.given)
			got, err := delegated(tree{v2: true, base: dir})
			if managed(dir) && strings.HasPrefix(c.order, "+") {
				if err == nil {
					t.Fatal("a group that systemd has not delegated was used")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tree{v2: true, controllers: c.want, base: dir}, got, cmp.AllowUnexported(tree{})); diff != "" {
				t.Error(diff)
			}
			order, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
			if err != nil || string(order) != c.order {
				t.Errorf("subtree_control holds %q (%v), want %q", order, err, c.order)
			}
		})
	}
}

func TestAnAgentInItsLeafUsesTheGroupAbove(t *testing.T) {
	unit := group(t, "unit", "memory pids", "memory pids")
	leaf := filepath.Join(unit, Leaf)
	if err := os.Mkdir(leaf, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := delegated(tree{v2: true, base: leaf})
	if err != nil || got.base != unit {
		t.Fatalf("groups would be made in %s (%v), want %s", got.base, err, unit)
	}
}
