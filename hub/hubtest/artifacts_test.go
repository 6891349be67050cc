package hubtest_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// keeping are scripts that put and get artifacts, and try what must be refused. BIG
// is a file of 50 MiB, FORBIDDEN one of another user.
var keeping = map[string]string{
	"bash": `set -eu
: >empty
cronium artifact put empty empty
cronium artifact put 'big ü.bin' "$BIG"
cronium artifact get 'big ü.bin' back.bin
cmp "$BIG" back.bin
truncate -s 61M huge
for try in "../x empty" "x missing" "x huge" "x $FORBIDDEN"; do
  cronium artifact put $try 2>&1 | sed -n 's/^error: \([a-z_]*\):.*/\1/p'
done
echo first >note; cronium artifact put note note
echo second >note; cronium artifact put note note
cronium artifact put fourth empty
cronium artifact put fifth empty 2>&1 | sed -n 's/^error: \([a-z_]*\):.*/\1/p'
cronium artifact list | grep -o '"name":"[^"]*","size":[0-9]*'
echo "peak $(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$PPID/status)"`,
	"python": `import filecmp, os, re
def attempt(name, path):
    try:
        cronium.artifact(name, path)
    except cronium.Error as e:
        print(e.code)
open("empty", "w").close()
cronium.artifact("empty", "empty")
cronium.artifact("big ü.bin", os.environ["BIG"])
cronium.get_artifact("big ü.bin", "back.bin")
assert filecmp.cmp(os.environ["BIG"], "back.bin", shallow=False)
with open("huge", "w") as f:
    f.truncate(61 << 20)
for name, path in [("../x", "empty"), ("x", "missing"), ("x", "huge"), ("x", os.environ["FORBIDDEN"])]:
    attempt(name, path)
for text in ["first\n", "second\n"]:
    with open("note", "w") as f:
        f.write(text)
    cronium.artifact("note", "note")
attempt("fourth", "empty")
attempt("fifth", "empty")
for a in cronium.artifacts():
    print('"name":"%s","size":%d' % (a["name"], a["size"]))
print("peak", re.search(r"VmHWM:\s*(\d+)", open(f"/proc/{os.getppid()}/status").read()).group(1))`,
	"node": `const fs = require('fs');
const attempt = (name, path) => {
  try { cronium.artifact(name, path); } catch (e) { console.log(e.code); }
};
(async () => {
  fs.writeFileSync('empty', '');
  await cronium.async.artifact('empty', 'empty');
  await cronium.async.artifact('big ü.bin', process.env.BIG);
  cronium.getArtifact('big ü.bin', 'back.bin');
  if (Buffer.compare(fs.readFileSync(process.env.BIG), fs.readFileSync('back.bin'))) throw new Error('it differs');
  fs.writeFileSync('huge', '');
  fs.truncateSync('huge', 61 << 20);
  for (const [name, path] of [['../x', 'empty'], ['x', 'missing'], ['x', 'huge'], ['x', process.env.FORBIDDEN]]) attempt(name, path);
  for (const text of ['first\n', 'second\n']) {
    fs.writeFileSync('note', text);
    cronium.artifact('note', 'note');
  }
  attempt('fourth', 'empty');
  attempt('fifth', 'empty');
  for (const a of cronium.artifacts()) console.log('"name":"' + a.name + '","size":' + a.size);
  console.log('peak', /VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/' + process.ppid + '/status', 'utf8'))[1]);
})();`,
}

const (
	bigBytes   = 50 << 20
	mostMemory = 48 << 10 // KiB of a runner that has moved twice as much
)

const refusals = `artifact_name_invalid
artifact_file_unreadable
artifact_too_large
artifact_file_unreadable
too_many_artifacts
"name":"big ü.bin","size":52428800
"name":"empty","size":0
"name":"fourth","size":0
"name":"note","size":7
`

// TestScriptsKeepFiles in three languages, as a process, and people get them.
func TestScriptsKeepFiles(t *testing.T) {
	w := keepingHub(t)
	w.AddAgent("host-1", nil)
	big, sum := bigFile(t)
	forbidden := filepath.Join(filepath.Dir(big), "forbidden")
	if err := os.WriteFile(forbidden, []byte("of root alone"), 0o600); err != nil {
		t.Fatal(err)
	}
	for language, source := range keeping {
		t.Run(language, func(t *testing.T) {
			d := definition("keeping-"+language, source)
			d.Spec.Script.Language = language
			d.Spec.Env = map[string]string{"BIG": big, "FORBIDDEN": forbidden}
			done := w.Finish(w.Start(d).ID, 4*time.Minute)
			checkKept(t, w, done, sum)
		})
	}
}

// TestAScriptInAContainerKeepsFiles through the same helpers.
func TestAScriptInAContainerKeepsFiles(t *testing.T) {
	w := keepingHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	d := definition("contained", `set -eu
head -c 3000000 /dev/zero >file
cronium artifact put zeros file
cronium artifact get zeros back
wc -c <back
cronium artifact put passwd /proc/1/environ 2>&1 | head -c 31`)
	d.Spec.Container = &client.Container{Image: dockertest.Image, Pull: "never", Network: "none"}
	done := w.Finish(w.Start(d).ID, time.Minute)
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	if raw.String() != "3000000\nerror: artifact_file_unreadable" {
		t.Errorf("the log is %s", raw.String())
	}
	page, err := w.Client.Artifacts(t.Context(), "default", done.ID)
	if err != nil || len(page.Items) != 1 || page.Items[0].Size != 3_000_000 {
		t.Errorf("it keeps %+v, %v", page.Items, err)
	}
}

func keepingHub(t *testing.T) *hubtest.World {
	t.Helper()
	return hubtest.NewHub(t, func(c *hub.Config) { c.ArtifactBytes, c.ArtifactsBytes, c.ArtifactsCount = 60<<20, 120<<20, 4 })
}

// bigFile is a file that every script may read, and its digest.
func bigFile(t *testing.T) (path, sum string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "big-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "big")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	block := make([]byte, 1<<20)
	for n := range bigBytes >> 20 {
		for i := range block {
			block[i] = byte(i ^ i>>8 ^ n)
		}
		if _, err := io.MultiWriter(f, h).Write(block); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{f.Close(), os.Chmod(path, 0o644), os.Chmod(dir, 0o711)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path, fmt.Sprintf("%x", h.Sum(nil))
}

var peak = regexp.MustCompile(`peak (\d+)\n$`)

func checkKept(t *testing.T, w *hubtest.World, done client.Run, sum string) {
	t.Helper()
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	found := peak.FindStringSubmatch(raw.String())
	if found == nil || strings.TrimSuffix(raw.String(), found[0]) != refusals {
		t.Fatalf("the log is\n%s", raw.String())
	}
	if kib, err := strconv.Atoi(found[1]); err != nil || kib > mostMemory {
		t.Errorf("the runner has had %s KiB of memory, at most %d are wanted", found[1], mostMemory)
	}
	if a := done.Artifacts; a == nil || a.Count != 4 || a.Bytes != bigBytes+7 {
		t.Errorf("the run says that it keeps %+v", done.Artifacts)
	}
	page, err := w.Client.Artifacts(t.Context(), "default", done.ID)
	if err != nil || len(page.Items) != 4 || page.Items[0].SHA256 != sum || page.Items[0].Attempt != 1 {
		t.Fatalf("the list is %+v, %v", page.Items, err)
	}
	for _, a := range page.Items {
		var got bytes.Buffer
		if err := w.Client.Artifact(t.Context(), "default", done.ID, a, &got); err != nil || int64(got.Len()) != a.Size {
			t.Errorf("%s: %d bytes, %v", a.Name, got.Len(), err)
		}
		if a.Name == "note" && got.String() != "second\n" {
			t.Errorf("the note is %q", got.String())
		}
	}
}

// TestAScriptGetsWhatAnotherRunKept, of the same project.
func TestAScriptGetsWhatAnotherRunKept(t *testing.T) {
	w := hubtest.New(t)
	first := w.Finish(w.Start(definition("first", `echo of the first >f; cronium artifact put handed-over f`)).ID, time.Minute)
	d := definition("second", `cronium artifact get handed-over f "$FIRST" && cat f; cronium artifact get other f "$FIRST" 2>&1 || echo none; cronium artifact list`)
	d.Spec.Env = map[string]string{"FIRST": first.ID}
	done := w.Finish(w.Start(d).ID, time.Minute)
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	for _, want := range []string{"of the first\n", "error: artifact_not_found: ", "none\n[]\n"} {
		if !strings.Contains(raw.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, raw.String())
		}
	}
}

// proxy stands between agent and hub, and cuts every connection whenever so many
// bytes more have gone to the hub.
type proxy struct {
	listener net.Listener
	to       string
	every    int64
	sent     atomic.Int64
	cuts     atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	work  sync.WaitGroup
}

func startProxy(t *testing.T, to string, every int64) *proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, to: to, every: every}
	p.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *proxy) serve(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer to.Close()
	p.mu.Lock()
	p.conns = append(p.conns, from, to)
	p.mu.Unlock()
	p.work.Go(func() {
		_, _ = io.Copy(from, to)
		from.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if sum := p.sent.Add(int64(n)); sum/p.every > (sum-int64(n))/p.every {
			p.cuts.Add(1)
			p.cut()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// TestAPutOutlivesTheConnection: it is cut every 16 MB, in the middle of a chunk, and
// then the hub is another process; the artifact is the file.
func TestAPutOutlivesTheConnection(t *testing.T) {
	w := hubtest.NewHub(t)
	p := startProxy(t, w.AgentsAddr, 16<<20)
	direct := w.AgentsAddr
	w.AgentsAddr = p.listener.Addr().String()
	w.AddAgentWith("host-1", agent.Config{Pause: func(int) time.Duration { return 100 * time.Millisecond }})
	w.AgentsAddr = direct
	big, sum := bigFile(t)
	d := definition("put", `cronium artifact put big "$BIG" && cronium artifact get big back && cmp "$BIG" back && echo same`)
	d.Spec.Env = map[string]string{"BIG": big}
	run := w.Start(d)
	hubtest.Eventually(t, time.Minute, "half of it was sent", func() error {
		if n := p.sent.Load(); n < bigBytes/2 {
			return fmt.Errorf("%d bytes were", n)
		}
		return nil
	})
	w.RestartHub()
	done := w.Finish(run.ID, 3*time.Minute)
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	page, err := w.Client.Artifacts(t.Context(), "default", run.ID)
	if err != nil || raw.String() != "same\n" || !slices.ContainsFunc(page.Items, func(a client.Artifact) bool { return a.SHA256 == sum }) {
		t.Errorf("the log is %s; it keeps %+v, %v", raw.String(), page.Items, err)
	}
	if n := p.cuts.Load(); n < 3 {
		t.Errorf("the connection was cut %d times", n)
	}
}
