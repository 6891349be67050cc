package cgroup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHierarchiesAreFoundInEveryWorld(t *testing.T) {
	for name, world := range map[string]struct {
		mounts, own string
		want        []tree
	}{
		"v1 controllers beside a bare v2 hierarchy": {
			mounts: `32 30 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 30 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
38 30 0:35 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
39 30 0:36 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`,
			own: "9:name=systemd:/\n8:pids:/\n4:memory:/api/1\n1:cpu:/\n0::/\n",
			want: []tree{
				{controllers: []string{"cpu"}, base: "/sys/fs/cgroup/cpu"},
				{controllers: []string{"memory"}, base: "/sys/fs/cgroup/memory/api/1"},
				{controllers: []string{"pids"}, base: "/sys/fs/cgroup/pids"},
				{v2: true, base: "/sys/fs/cgroup/unified"},
			},
		},
		"v1 with controllers in one hierarchy": {
			mounts: "33 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
			own:    "3:cpu,cpuacct:/system.slice/cronium-agent.service\n",
			want:   []tree{{controllers: []string{"cpu"}, base: "/sys/fs/cgroup/cpu,cpuacct/system.slice/cronium-agent.service"}},
		},
		"v2": {
			mounts: "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
			own:    "0::/system.slice/cronium-agent.service\n",
			want:   []tree{{v2: true, base: "/sys/fs/cgroup/system.slice/cronium-agent.service"}},
		},
		"in a container that sees its own part": {
			mounts: "30 23 0:26 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			own:    "4:memory:/docker/abc/inner\n",
			want:   []tree{{controllers: []string{"memory"}, base: "/sys/fs/cgroup/memory/inner"}},
		},
		"in a container that sees another part": {
			mounts: "30 23 0:26 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			own:    "4:memory:/docker/abcdef\n",
			want:   []tree{{controllers: []string{"memory"}, base: "/sys/fs/cgroup/memory"}},
		},
		"outside of its namespace": {
			mounts: "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			own:    "0::/../../init.scope\n",
			want:   []tree{{v2: true, base: "/sys/fs/cgroup"}},
		},
		"mounted twice, with a space in the path": {
			mounts: "30 23 0:26 / /my\\040groups rw - cgroup cgroup rw,pids\n31 23 0:26 / /other rw - cgroup cgroup rw,pids\n",
			own:    "8:pids:/\n",
			want:   []tree{{controllers: []string{"pids"}, base: "/my groups"}},
		},
		"none":    {mounts: "22 1 0:21 / /proc rw - proc proc rw\n", own: ""},
		"garbage": {mounts: "x\n - cgroup\n1 2 3 4 5 6 - cgroup\n", own: "::\nx\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(world.want, trees(world.mounts, world.own), cmp.AllowUnexported(tree{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzMountsAreReadWithoutPanic(f *testing.F) {
	f.Add("40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", "0::/\n")
	f.Fuzz(func(_ *testing.T, mountinfo, membership string) { trees(mountinfo, membership) })
}
