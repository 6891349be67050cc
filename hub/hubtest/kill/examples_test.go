package kill

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// What is put before each example: it writes down, outside the product, that the
// script was started and every byte that it prints, a file per stream. What a bash
// script prints passes through tee, which outlives it by what is still in the pipe.
var preambles = map[string]string{
	".sh": `w=%q/$CRONIUM_RUN_ID.$CRONIUM_ATTEMPT
echo $$ >>"$w.starts"
exec > >(trap '' TERM; exec tee -a "$w.stdout") 2> >(trap '' TERM; exec tee -a "$w.stderr" >&2)
unset w
`,
	".py": `import os, sys
class Witness:
    def __init__(self, out, path): self.out, self.copy = out, open(path, "a", encoding="utf-8", newline="")
    def write(self, text): self.copy.write(text); self.copy.flush(); return self.out.write(text)
    def __getattr__(self, name): return getattr(self.out, name)
w = os.path.join(%q, os.environ["CRONIUM_RUN_ID"] + "." + os.environ["CRONIUM_ATTEMPT"])
open(w + ".starts", "a").write(f"{os.getpid()}\n")
sys.stdout, sys.stderr = Witness(sys.stdout, w + ".stdout"), Witness(sys.stderr, w + ".stderr")
`,
	".js": `{
  const { appendFileSync } = require('node:fs');
  const w = %q + '/' + process.env.CRONIUM_RUN_ID + '.' + process.env.CRONIUM_ATTEMPT;
  appendFileSync(w + '.starts', process.pid + '\n');
  for (const name of ['stdout', 'stderr']) {
    const write = process[name].write.bind(process[name]);
    process[name].write = (text, ...rest) => (appendFileSync(w + '.' + name, text), write(text, ...rest));
  }
}
`,
}

func TestKillNineDuringTheExamples(t *testing.T) {
	t.Parallel()
	m := hubtest.NewMachine(t)
	dir := m.OpenDir("witness")
	jobs := applyExamples(t, m, dir)
	// The health check asks a server that nobody kills.
	healthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	t.Cleanup(healthy.Close)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	next := 0
	started := attack(t, m, rand.New(rand.NewPCG(seed, 0)), 60*time.Second, func() (client.Run, int, error) {
		job := jobs[next%len(jobs)]
		inputs := map[string]any{}
		switch job {
		case "heartbeat":
			inputs["pause_ms"] = 50
		case "http-health":
			inputs["urls"], inputs["samples"] = healthy.URL, 50
		}
		run, err := m.Client.StartRun(t.Context(), "default", job, client.RunRequest{Inputs: inputs})
		if err == nil {
			next++
		}
		return run, 0, err
	})
	ran := map[string]int{}
	for id, exit := range started {
		run := m.Finish(id, 3*time.Minute)
		checkRun(t, run, exit)
		checkStarts(t, dir, run)
		checkStreams(t, m, dir, run)
		ran[run.Job]++
	}
	t.Logf("checked %d runs: %v", len(started), ran)
	if len(ran) != len(jobs) {
		t.Errorf("%d of the %d examples ran", len(ran), len(jobs))
	}
}

// applyExamples applies a copy of examples/ whose scripts bear witness in dir, and
// returns the names of its jobs.
func applyExamples(t *testing.T, m *hubtest.Machine, dir string) []string {
	t.Helper()
	copied := filepath.Join(m.Dir, "examples")
	if err := os.CopyFS(copied, os.DirFS("../../../examples")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(copied)
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, file := range files {
		suffix := filepath.Ext(file.Name())
		if suffix == ".yaml" {
			jobs = append(jobs, strings.TrimSuffix(file.Name(), suffix))
			continue
		}
		path := filepath.Join(copied, file.Name())
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		preamble, ok := preambles[suffix]
		if !ok {
			t.Fatalf("no preamble for %s", file.Name())
		}
		if bytes.HasPrefix(script, []byte("#!")) { // no language but bash takes it below the first line
			_, script, _ = bytes.Cut(script, []byte("\n"))
		}
		if err := os.WriteFile(path, append(fmt.Appendf(nil, preamble, dir), script...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.CLI("apply", "-f", copied)
	return jobs
}

// checkStreams holds each stream of a run against what its script wrote outside. A
// stream that nothing was written to has no file.
func checkStreams(t *testing.T, m *hubtest.Machine, dir string, run client.Run) {
	t.Helper()
	for _, stream := range []string{"stdout", "stderr"} {
		want, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s.%d.%s", run.ID, run.Attempt, stream)))
		if err != nil && !os.IsNotExist(err) {
			t.Errorf("run %s: %v", run.ID, err)
		}
		if stream == "stdout" && len(want) == 0 {
			t.Errorf("run %s of %s wrote nothing", run.ID, run.Job)
		}
		var got bytes.Buffer
		if err := m.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, stream, &got); err != nil {
			t.Errorf("run %s: %v", run.ID, err)
		} else if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("run %s of %s: %s has %d bytes, the script wrote %d", run.ID, run.Job, stream, got.Len(), len(want))
		}
	}
}
