package uplink

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// interpreterTimeout bounds how long an interpreter may take to tell its version.
const interpreterTimeout = 5 * time.Second

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// Facts looks at this host.
func Facts(ctx context.Context) *agentv1.Facts {
	host, _ := os.Hostname()
	return &agentv1.Facts{
		Hostname: host, Os: runtime.GOOS, Arch: runtime.GOARCH,
		Kernel: kernel(), Distribution: setting("/etc/os-release", "PRETTY_NAME", "="),
		Cpus: int32(runtime.NumCPU()), MemoryBytes: memory(),
		Interpreters: interpreters(ctx),
	}
}

// AllLabels are those every host has and the given ones, which win.
func AllLabels(f *agentv1.Facts, given map[string]string) map[string]string {
	labels := map[string]string{"os": f.GetOs(), "arch": f.GetArch(), "hostname": f.GetHostname()}
	maps.Copy(labels, given)
	return labels
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func memory() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(setting("/proc/meminfo", "MemTotal", ":"), " kB"), 10, 64)
	return kib << 10
}

// setting finds a value in a file of lines NAME SEPARATOR VALUE.
func setting(path, name, separator string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), separator); ok && key == name {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// interpreters asks each interpreter that scripts may need for its version.
func interpreters(ctx context.Context) map[string]string {
	ctx, stop := context.WithTimeout(ctx, interpreterTimeout)
	defer stop()
	found := map[string]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for language, command := range map[string]string{"bash": "bash", "python": "python3", "node": "node"} {
		all.Go(func() {
			out, err := exec.CommandContext(ctx, command, "--version").Output()
			if version := versionNumber.FindString(string(out)); err == nil && version != "" {
				mu.Lock()
				defer mu.Unlock()
				found[language] = version
			}
		})
	}
	all.Wait()
	return found
}

// machineID names this machine without telling its real id.
func machineID() string {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(b) == 0 {
		host, _ := os.Hostname()
		b = []byte(host)
	}
	sum := sha256.Sum256(append([]byte("cronium-agent\x00"), b...))
	return hex.EncodeToString(sum[:16])
}
