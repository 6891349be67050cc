package cgroup

import (
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the controllers that we use.
var wanted = []string{"memory", "cpu", "pids"}

// tree is a hierarchy, or what it would be for us.
type tree struct {
	v2          bool
	controllers []string // of wanted; none in a bare v2 hierarchy
	base        string   // groups are made in it
}

// has reports whether the tree limits by this controller.
func (t tree) has(controller string) bool { return slices.Contains(t.controllers, controller) }

// mount is a hierarchy as /proc/self/mountinfo shows it.
type mount struct {
	v2      bool
	root    string // what of the hierarchy is mounted
	at      string
	options []string // of the file system: a v1 hierarchy's controllers
}

// mounts reads /proc/self/mountinfo.
func mounts(mountinfo string) []mount {
	var list []mount
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 3 || (g[0] != "cgroup" && g[0] != "cgroup2") {
			continue
		}
		list = append(list, mount{v2: g[0] == "cgroup2", root: unescape(f[3]), at: unescape(f[4]), options: strings.Split(g[2], ",")})
	}
	return list
}

// unescape undoes the kernel's octal escapes.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// memberships reads /proc/self/cgroup: the own group by controller, "" for v2.
func memberships(text string) map[string]string {
	own := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(f[1], ",") {
			own[controller] = f[2]
		}
	}
	return own
}

// trees are the hierarchies that may be used: v1 with controllers of ours, and the
// v2 hierarchy with those that it might offer. Each controller is in one of them.
func trees(mountinfo, membership string) []tree {
	own := memberships(membership)
	var list []tree
	seen := map[string]bool{}
	for _, m := range mounts(mountinfo) {
		t := tree{v2: m.v2}
		key := ""
		if !m.v2 {
			for _, controller := range wanted {
				if slices.Contains(m.options, controller) && !seen[controller] {
					t.controllers = append(t.controllers, controller)
					seen[controller] = true
				}
			}
			if len(t.controllers) == 0 {
				continue
			}
			key = t.controllers[0]
		} else if seen[""] {
			continue
		} else {
			seen[""] = true
		}
		t.base = m.dir(own[key])
		list = append(list, t)
	}
	return list
}

// dir is where a group of the hierarchy is seen. One outside of what is mounted (a
// container's view) is taken for the mount's own root.
func (m mount) dir(group string) string {
	root := strings.TrimSuffix(m.root, "/")
	inside, ok := strings.CutPrefix(group, root)
	if !ok || (inside != "" && inside[0] != '/') || strings.Contains(inside, "/..") {
		return m.at
	}
	return filepath.Join(m.at, inside)
}
