package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Leaf is the group that an agent moves itself to on v2, below the one that was
// delegated to it.
const Leaf = "cronium-agent"

// namePrefix begins the name of every group of ours.
const namePrefix = "cronium-"

// Host is what this host offers to one agent.
type Host struct {
	trees  []tree
	prefix string
	why    string // why there is nothing
}

// Open finds out what the host offers, by making a group and removing it. On v2 it
// may move this process to [Leaf]. The id tells groups of several agents apart.
func Open(id string) *Host {
	h := &Host{prefix: namePrefix + id + "-"}
	mountinfo, err1 := os.ReadFile("/proc/self/mountinfo")
	membership, err2 := os.ReadFile("/proc/self/cgroup")
	if err := errors.Join(err1, err2); err != nil {
		h.why = err.Error()
		return h
	}
	h.use(trees(string(mountinfo), string(membership)))
	return h
}

func (h *Host) use(candidates []tree) {
	var why []error
	for _, t := range candidates {
		var err error
		if t.v2 {
			t, err = delegated(t)
		}
		if err == nil {
			err = h.probe(t)
		}
		if err != nil {
			why = append(why, err)
			continue
		}
		h.trees = append(h.trees, t)
	}
	if len(h.controllers()) > 0 {
		return
	}
	h.why = "no cgroup hierarchy with controllers"
	if err := errors.Join(why...); err != nil {
		h.why = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
}

// probe tries whether groups can be made in t.
func (h *Host) probe(t tree) error {
	dir := filepath.Join(t.base, h.prefix+"probe-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("groups cannot be made: %w", err)
	}
	defer func() { _ = unix.Rmdir(dir) }()
	for _, controller := range t.controllers {
		if _, err := os.Stat(filepath.Join(dir, files[controller].of(t))); err != nil {
			return fmt.Errorf("groups have no controller %s: %w", controller, err)
		}
	}
	if t.v2 {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err != nil {
			return errors.New("cgroup v2 needs Linux 5.14")
		}
	}
	return nil
}

// delegated makes the v2 hierarchy hand out its controllers to groups below ours.
func delegated(t tree) (tree, error) {
	if filepath.Base(t.base) == Leaf {
		t.base = filepath.Dir(t.base)
	}
	offered, err := words(filepath.Join(t.base, "cgroup.controllers"))
	if err != nil {
		return t, err
	}
	given, err := words(filepath.Join(t.base, "cgroup.subtree_control"))
	if err != nil {
		return t, err
	}
	var order []string
	for _, controller := range wanted {
		if slices.Contains(offered, controller) {
			t.controllers = append(t.controllers, controller)
			if !slices.Contains(given, controller) {
				order = append(order, "+"+controller)
			}
		}
	}
	if len(order) == 0 {
		return t, nil
	}
	if managed(t.base) {
		return t, errors.New("the agent's group is not delegated to it (Delegate=yes in its systemd unit)")
	}
	return t, handOut(t.base, strings.Join(order, " "))
}

// managed reports whether the group belongs to systemd, which has not given it away.
func managed(dir string) bool {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return false
	}
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		value := make([]byte, 8)
		if n, err := unix.Getxattr(dir, name, value); err == nil && string(value[:n]) == "1" {
			return false
		}
	}
	return true
}

// handOut gives controllers to the groups below dir. Only a group without processes
// can, so this process goes to the leaf; others that are there have not been
// started by us and are left alone.
func handOut(dir, order string) error {
	control := filepath.Join(dir, "cgroup.subtree_control")
	err := write(control, order)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(dir, Leaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	self := strconv.Itoa(os.Getpid())
	if err := write(filepath.Join(leaf, "cgroup.procs"), self); err != nil {
		return err
	}
	if err = write(control, order); err == nil {
		return nil
	}
	_ = write(filepath.Join(dir, "cgroup.procs"), self)
	_ = unix.Rmdir(leaf)
	if errors.Is(err, unix.EBUSY) {
		return errors.New("other processes are in the agent's group; start the agent as a unit with Delegate=yes")
	}
	return err
}

// controllers are those that can be used, in the order of wanted.
func (h *Host) controllers() []string {
	var list []string
	for _, controller := range wanted {
		if h.Can(controller) {
			list = append(list, controller)
		}
	}
	return list
}

// Can reports whether groups can be limited by a controller: memory, cpu or pids.
func (h *Host) Can(controller string) bool {
	return h != nil && slices.ContainsFunc(h.trees, func(t tree) bool { return t.has(controller) })
}

// Version is v1, v2 or none.
func (h *Host) Version() string {
	if h == nil {
		return "none"
	}
	for _, t := range h.trees {
		if len(t.controllers) > 0 {
			return map[bool]string{false: "v1", true: "v2"}[t.v2]
		}
	}
	return "none"
}

// String is for people: "cgroup v1: memory, cpu, pids", or "none: why".
func (h *Host) String() string {
	if h == nil {
		return "none"
	}
	if h.Version() == "none" {
		return "none: " + h.why
	}
	return "cgroup " + h.Version() + ": " + strings.Join(h.controllers(), ", ")
}

func words(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	return strings.Fields(string(b)), err
}

// write writes to a file of the kernel, in one piece.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
