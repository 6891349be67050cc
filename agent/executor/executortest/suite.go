package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// Subject is an executor under test.
type Subject struct {
	// Create returns the executor. Every call stands for a new agent process on the
	// same host.
	Create func(t *testing.T) executor.Executor
	// Prepare completes a payload, for example with an image; nothing if nil.
	Prepare func(*runnerv1.Payload)
	// Exists reports whether a process of an attempt is alive, by the number that
	// the script sees; the host's number if nil.
	Exists func(e *journal.Entry, pid int) bool
	// Work returns where the test finds an attempt's workspace; in its entry if nil.
	Work func(e *journal.Entry) string
	// OnDisk returns an executor whose attempts work on the disk of dir, and what
	// completes their payloads. If nil, they work where the journal is.
	OnDisk func(t *testing.T, dir string) (executor.Executor, func(*runnerv1.Payload))
}

// Suite holds an executor against the contract.
func Suite(t *testing.T, subject Subject) {
	s := suite{Subject: subject}
	s.create = func(t *testing.T) executor.Executor { return Running(t, subject.Create(t)) }
	if s.Exists == nil {
		s.Exists = func(_ *journal.Entry, pid int) bool { return Exists(pid) }
	}
	if s.Work == nil {
		s.Work = (*journal.Entry).Work
	}
	cases := map[string]func(*testing.T){
		"OutputIsKeptByStream":                  s.outputIsKeptByStream,
		"LinesOfBothStreamsKeepTheirOrder":      s.orderIsKept,
		"EveryLanguageRuns":                     s.everyLanguageRuns,
		"HelpersTalkToTheRun":                   s.helpersTalkToTheRun,
		"HelpersAreThereWithoutAnImport":        s.helpersAreThere,
		"EnvironmentIsClean":                    s.environmentIsClean,
		"ExitCodeIsReported":                    s.exitCodeIsReported,
		"SignalIsReported":                      s.signalIsReported,
		"TimeoutEndsAScriptThatIgnoresSIGTERM":  s.timeoutEndsAStubbornScript,
		"CancelReachesDaemons":                  s.cancelReachesDaemons,
		"CancelAgainDoesNotProlongTheGrace":     s.cancelAgainDoesNotProlong,
		"CancelledScriptMayCleanUp":             s.cancelledScriptMayCleanUp,
		"WhatAScriptLeavesRunningIsEnded":       s.leftoversAreEnded,
		"BytesAreKeptAsWritten":                 s.bytesAreKept,
		"ALongLineIsKept":                       s.longLineIsKept,
		"AnUnfinishedLineAppears":               s.unfinishedLineAppears,
		"BeyondTheLimitHeadAndTailAreKept":      s.logIsBounded,
		"SecretsAreOnNoDisk":                    s.secretsAreOnNoDisk,
		"UnknownLanguageIsRejected":             s.unknownLanguage,
		"ChangedScriptIsRejected":               s.changedScript,
		"AForgedPayloadIsRejected":              s.forgedPayload,
		"ImpossibleEnvironmentIsRejected":       s.impossibleEnvironment,
		"AnAbandonedAttemptNeverRuns":           s.abandonedNeverRuns,
		"ANewAgentFindsARunningScript":          s.reattachRunning,
		"ANewAgentFindsAnEndedScript":           s.reattachEnded,
		"AFullDiskCostsLogButNotTheResult":      s.fullDisk,
		"ADiskThatStaysFullIsTheReason":         s.fullDiskForGood,
		"ADeepDirectoryIsNoProblem":             s.deepDirectory,
		"AnAgentEndsWhileItsScriptsRun":         s.agentEnds,
		"AScriptUsesTheAPIOfItsRun":             s.scriptCalls,
		"ACallWaitsForTheNextAgent":             s.callWaitsForTheNextAgent,
		"CallsEndWithTheAttempt":                s.callsEndWithTheAttempt,
		"AScriptKeepsAFile":                     s.scriptKeepsAFile,
		"TheAPIIsInReachOfADeepDirectory":       s.callsFromADeepDirectory,
		"SIGPIPEAndOtherSignalsAreTheirDefault": s.signalsAreDefault,
	}
	t.Logf("%d cases", len(cases))
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

type suite struct {
	Subject
	create func(t *testing.T) executor.Executor
}

// run runs c to its end.
func (s suite) run(t *testing.T, c Case) (journal.Exit, Log) {
	t.Helper()
	r, e := s.start(t, c)
	return Result(t, r, e)
}

func (s suite) start(t *testing.T, c Case) (executor.Running, *journal.Entry) {
	t.Helper()
	return Start(t, s.create(t), s.prepared(c))
}

// prepared is c with what this executor needs besides.
func (s suite) prepared(c Case) Case {
	if s.Prepare == nil {
		return c
	}
	change := c.Change
	c.Change = func(p *runnerv1.Payload) {
		s.Prepare(p)
		if change != nil {
			change(p)
		}
	}
	return c
}

func expect(t *testing.T, exit journal.Exit, outcome journal.Outcome, code string) {
	t.Helper()
	got := ""
	if exit.Problem != nil {
		got = exit.Problem.Code
		if exit.Problem.Hint == "" || exit.Problem.Title == "" {
			t.Errorf("problem %+v has no title or hint", exit.Problem)
		}
	}
	if exit.Outcome != outcome || got != code {
		t.Fatalf("outcome %s with problem %+v, want %s with %q", exit.Outcome, exit.Problem, outcome, code)
	}
}

func (s suite) outputIsKeptByStream(t *testing.T) {
	exit, log := s.run(t, Case{Source: "echo one\necho two >&2\nprintf three\n"})
	expect(t, exit, journal.Succeeded, "")
	if string(log.Out) != "one\nthree" || string(log.Err) != "two\n" || len(log.System) != 0 {
		t.Fatalf("out %q, err %q, system %q", log.Out, log.Err, log.System)
	}
	if exit.Duration <= 0 || exit.Duration > time.Minute {
		t.Errorf("duration %v", exit.Duration)
	}
}

func (s suite) orderIsKept(t *testing.T) {
	_, log := s.run(t, Case{Source: `for i in 1 2 3 4 5; do echo "out $i"; sleep 0.03; echo "err $i" >&2; sleep 0.03; done`})
	want := ""
	for i := 1; i <= 5; i++ {
		want += fmt.Sprintf("out %d\nerr %d\n", i, i)
	}
	if string(log.All) != want {
		t.Fatalf("the log is %q, want %q", log.All, want)
	}
}

func (s suite) everyLanguageRuns(t *testing.T) {
	for language, source := range map[string]string{
		"bash":   `echo "$CRONIUM_JOB $X $(cat "$CRONIUM_INPUTS_FILE")"`,
		"python": "import os\nprint(os.environ['CRONIUM_JOB'], os.environ['X'], open(os.environ['CRONIUM_INPUTS_FILE']).read())",
		"node":   `console.log(process.env.CRONIUM_JOB, process.env.X, require('fs').readFileSync(process.env.CRONIUM_INPUTS_FILE, 'utf8'))`,
	} {
		exit, log := s.run(t, Case{Language: language, Source: source, Env: map[string]string{"X": "ü"},
			Change: func(p *runnerv1.Payload) { p.InputsJson = []byte(`{"a":1}`) }})
		expect(t, exit, journal.Succeeded, "")
		if got, want := string(log.Out), "test ü {\"a\":1}\n"; got != want {
			t.Errorf("%s printed %q, want %q; errors: %s", language, got, want, log.Err)
		}
	}
}

// helpersAreThere also holds that what the job sets in the same variables stays.
func (s suite) helpersAreThere(t *testing.T) {
	for language, source := range map[string]string{
		"bash":   `test "$(type -t cronium)" = function && cronium --help >/dev/null && echo "there $THEIRS"`,
		"python": "import os, sys\nassert callable(cronium.get_variable) and '/theirs' in sys.path\nprint('there', os.environ['THEIRS'])",
		"node":   `if (typeof cronium.async.input === 'function') console.log('there', process.title === 'theirs' ? process.env.THEIRS : process.title)`,
	} {
		exit, log := s.run(t, Case{Language: language, Source: source, Env: map[string]string{
			"PYTHONPATH": "/theirs", "NODE_OPTIONS": "--title=theirs", "BASH_ENV": "$HOME/none", "THEIRS": "too"}})
		expect(t, exit, journal.Succeeded, "")
		if got := string(log.Out); got != "there too\n" {
			t.Errorf("%s printed %q; errors: %s", language, got, log.Err)
		}
	}
}

func (s suite) environmentIsClean(t *testing.T) {
	_, log := s.run(t, Case{Source: `env; test "$HOME" = "$PWD" && test -w "$TMPDIR" && stat -c %a . script.sh && umask`, Env: map[string]string{"MINE": "2"}})
	for line := range strings.Lines(string(log.Out)) {
		name, _, isVar := strings.Cut(line, "=")
		known := strings.Contains(" PATH HOME LANG TMPDIR MINE PWD SHLVL _ SHELL USER LOGNAME PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONPATH NODE_OPTIONS BASH_ENV ", " "+name+" ")
		ours := strings.HasPrefix(name, "CRONIUM_") && name != "CRONIUM_LEAK"
		if isVar && !known && !ours {
			t.Errorf("the script sees %s", line)
		}
	}
	if !strings.HasSuffix(string(log.Out), "700\n700\n0022\n") {
		t.Errorf("modes and umask: %s", log.Out[max(0, len(log.Out)-40):])
	}
}

func (s suite) exitCodeIsReported(t *testing.T) {
	exit, _ := s.run(t, Case{Source: "exit 3"})
	expect(t, exit, journal.Failed, "exit_code")
	if exit.Code != 3 {
		t.Fatalf("code %d, want 3", exit.Code)
	}
}

func (s suite) signalIsReported(t *testing.T) {
	exit, _ := s.run(t, Case{Source: "kill -SEGV $$"})
	expect(t, exit, journal.Failed, "killed_by_signal")
	if exit.Signal != "SEGV" {
		t.Fatalf("signal %q, want SEGV", exit.Signal)
	}
}

const stubborn = `trap '' TERM
echo ready
while :; do sleep 0.1; done`

func (s suite) timeoutEndsAStubbornScript(t *testing.T) {
	exit, _ := s.run(t, Case{Source: stubborn, Timeout: 500 * time.Millisecond, Grace: 300 * time.Millisecond})
	expect(t, exit, journal.TimedOut, "timed_out")
	if exit.Duration < 700*time.Millisecond || exit.Duration > 2800*time.Millisecond {
		t.Fatalf("it ran for %v, want 0.8 s and little more", exit.Duration)
	}
}

// daemon starts a process that leaves the session and its parent, and ignores
// SIGTERM. It prints the process's number.
const daemon = `setsid bash -c 'trap "" TERM; (trap "" TERM HUP; echo "daemon $BASHPID"; while :; do sleep 0.1; done) & disown' &
`

// PIDAfter is the number that follows a word in the log.
func PIDAfter(t testing.TB, l Log, word string) int {
	t.Helper()
	_, after, _ := strings.Cut(string(l.All), word+" ")
	text, _, _ := strings.Cut(after, "\n")
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("no number after %q in %q", word, l.All)
	}
	return pid
}

// Exists reports whether a process is there and alive.
func Exists(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

func (s suite) cancelReachesDaemons(t *testing.T) {
	r, e := s.start(t, Case{Source: daemon + stubborn})
	WaitFor(t, r, e, "ready\n")
	log := WaitFor(t, r, e, "daemon ")
	if err := r.Cancel(Context(t), 200*time.Millisecond); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	exit, _ := Result(t, r, e)
	expect(t, exit, journal.Cancelled, "cancelled")
	if pid := PIDAfter(t, log, "daemon"); s.Exists(e, pid) {
		t.Fatalf("process %d is still there", pid)
	}
	if err := r.Cancel(Context(t), time.Second); err != nil {
		t.Fatalf("Cancel after the end: %v", err)
	}
}

func (s suite) cancelAgainDoesNotProlong(t *testing.T) {
	r, e := s.start(t, Case{Source: stubborn})
	WaitFor(t, r, e, "ready\n")
	for _, grace := range []time.Duration{time.Minute, 100 * time.Millisecond, time.Minute} {
		if err := r.Cancel(Context(t), grace); err != nil {
			t.Fatalf("Cancel: %v", err)
		}
	}
	exit, _ := Result(t, r, e)
	expect(t, exit, journal.Cancelled, "cancelled")
}

func (s suite) cancelledScriptMayCleanUp(t *testing.T) {
	r, e := s.start(t, Case{Source: `trap 'echo cleaned up; exit 0' TERM
echo ready
while :; do sleep 0.05; done`})
	WaitFor(t, r, e, "ready\n")
	if err := r.Cancel(Context(t), 10*time.Second); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	exit, log := Result(t, r, e)
	expect(t, exit, journal.Cancelled, "cancelled")
	if !bytes.HasSuffix(log.Out, []byte("cleaned up\n")) || exit.Duration > 8*time.Second {
		t.Fatalf("it printed %q in %v", log.Out, exit.Duration)
	}
}

func (s suite) leftoversAreEnded(t *testing.T) {
	r, e := s.start(t, Case{Source: `(trap 'echo last words; exit' TERM; echo "child $BASHPID"; while :; do sleep 0.05; done) &
until grep -q child <(ps -o args= -p $!) 2>/dev/null || sleep 0.3; do :; done
echo main is done; exit 4`})
	exit, log := Result(t, r, e)
	expect(t, exit, journal.Failed, "exit_code")
	if exit.Code != 4 || !bytes.Contains(log.Out, []byte("main is done")) || !bytes.Contains(log.Out, []byte("last words")) {
		t.Fatalf("code %d, output %q", exit.Code, log.Out)
	}
	if pid := PIDAfter(t, log, "child"); s.Exists(e, pid) {
		t.Fatalf("process %d is still there", pid)
	}
}

func (s suite) bytesAreKept(t *testing.T) {
	exit, log := s.run(t, Case{Source: `printf 'a\0b\xff\xfe\r\n\033[1mc'; head -c 300000 /dev/zero`})
	expect(t, exit, journal.Succeeded, "")
	if want := append([]byte("a\x00b\xff\xfe\r\n\x1b[1mc"), make([]byte, 300000)...); !bytes.Equal(log.Out, want) {
		t.Fatalf("%d bytes arrived, %d were written", len(log.Out), len(want))
	}
}

func (s suite) longLineIsKept(t *testing.T) {
	exit, log := s.run(t, Case{Source: `head -c 10000000 /dev/zero | tr '\0' x; echo`})
	expect(t, exit, journal.Succeeded, "")
	if want := append(bytes.Repeat([]byte("x"), 10_000_000), '\n'); !bytes.Equal(log.Out, want) {
		t.Fatalf("%d bytes arrived, %d were written", len(log.Out), len(want))
	}
}

func (s suite) unfinishedLineAppears(t *testing.T) {
	r, e := s.start(t, Case{Source: "printf 'Continue? '; sleep 60"})
	began := time.Now()
	WaitFor(t, r, e, "Continue? ")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := r.Cancel(Context(t), time.Second); err != nil {
		t.Fatal(err)
	}
	Result(t, r, e)
}

func (s suite) logIsBounded(t *testing.T) {
	const limit = 1 << 20
	exit, log := s.run(t, Case{Source: `seq 1 400000; echo the end >&2`, LogLimit: limit})
	expect(t, exit, journal.Succeeded, "")
	if log.Size > limit+4096 || log.Size < limit-100_000 {
		t.Errorf("the log has %d bytes, its limit is %d", log.Size, limit)
	}
	if !bytes.HasPrefix(log.Out, []byte("1\n2\n")) || !bytes.HasSuffix(log.Out, []byte("\n399999\n400000\n")) || string(log.Err) != "the end\n" {
		t.Errorf("head %.20q, tail %q, errors %q", log.Out, log.Out[len(log.Out)-20:], log.Err)
	}
	written := int64(0)
	for i := 1; i <= 400000; i++ {
		written += int64(len(strconv.Itoa(i)) + 1)
	}
	if got := int64(len(log.Out)) + exit.Dropped; got != written {
		t.Errorf("%d bytes kept and %d dropped, %d were written", len(log.Out), exit.Dropped, written)
	}
	if want := fmt.Sprintf("%d bytes", exit.Dropped); !strings.Contains(string(log.System), want) {
		t.Errorf("the log says %q, want %q in it", log.System, want)
	}
}

func (s suite) secretsAreOnNoDisk(t *testing.T) {
	const secret = "canary-5f3a/9c=="
	x := s.create(t)
	r, e := Start(t, x, s.prepared(Case{Source: `echo "value: $TOKEN"; echo -n "$TOKEN" | base64; echo "${TOKEN:0:8}"; sleep 0.2; echo "${TOKEN:8}"; read -r _ <<<"$TOKEN"; tr '\0' ' ' < /proc/$PPID/cmdline`,
		Handover: &runnerv1.Handover{Mask: [][]byte{[]byte(secret)}, SecretEnv: map[string]string{"TOKEN": secret}}}))
	exit, log := Result(t, r, e)
	expect(t, exit, journal.Succeeded, "")
	if !bytes.HasPrefix(log.Out, []byte("value: ***\n***")) {
		t.Errorf("the log begins %.40q", log.Out)
	}
	if bytes.Contains(log.Out, []byte(secret)) {
		t.Errorf("the secret is in the log or on the runner's command line")
	}
	err := filepath.WalkDir(e.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s suite) unknownLanguage(t *testing.T) {
	exit, _ := s.run(t, Case{Language: "cobol"})
	expect(t, exit, journal.Rejected, "language_unknown")
}

func (s suite) changedScript(t *testing.T) {
	exit, log := s.run(t, Case{Source: "echo ran", Change: func(p *runnerv1.Payload) { p.Script.Sha256 = make([]byte, 32) }})
	expect(t, exit, journal.Rejected, "script_digest_mismatch")
	if len(log.All) > 0 {
		t.Fatalf("it ran: %q", log.All)
	}
}

func (s suite) forgedPayload(t *testing.T) {
	forgeries := map[string]Case{
		"a byte of the script":       {Forge: func(b []byte) []byte { return bytes.Replace(b, []byte("touch"), []byte("toucH"), 1) }},
		"a byte of the signature":    {Forge: func(b []byte) []byte { b[20] ^= 1; return b }},
		"no signature":               {Forge: func(b []byte) []byte { return b[73:] }},
		"signed for another agent":   {Change: func(p *runnerv1.Payload) { p.AgentId = "another" }},
		"signed for another attempt": {Change: func(p *runnerv1.Payload) { p.Ref.Attempt++ }},
		"signed with a lower fence":  {Change: func(p *runnerv1.Payload) { p.Ref.Fence-- }},
	}
	for name, c := range forgeries {
		c.Source = "touch touched"
		x := s.create(t)
		a := Attempt(t, Journal(t, ""), x.Kind(), s.prepared(c))
		r, err := x.Start(Context(t), a)
		if err == nil {
			exit, _ := Result(t, r, a.Entry)
			err = &problem.Problem{Code: exit.Problem.Code}
			r.Close()
		}
		if p, ok := problem.As(err); !ok || p.Code != "payload_rejected" {
			t.Errorf("%s: %v, want payload_rejected", name, err)
		}
		if _, err := os.Stat(filepath.Join(s.Work(a.Entry), "touched")); err == nil {
			t.Errorf("%s: the script ran", name)
		}
	}
}

func (s suite) impossibleEnvironment(t *testing.T) {
	for _, env := range []map[string]string{{"A": "x\x00y"}, {"A": strings.Repeat("x", 140<<10)}} {
		exit, _ := s.run(t, Case{Source: "echo ran", Env: env})
		expect(t, exit, journal.Rejected, "environment_invalid")
	}
}

func (s suite) abandonedNeverRuns(t *testing.T) {
	x := s.create(t)
	a := Attempt(t, Journal(t, ""), x.Kind(), s.prepared(Case{Source: "touch witness"}))
	if err := a.Entry.Claim(journal.Started{Abandoned: true}); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Start(Context(t), a); err == nil {
		r.Close()
		t.Fatal("Start of an abandoned attempt succeeded")
	}
	if _, err := os.Stat(filepath.Join(s.Work(a.Entry), "witness")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the script ran")
	}
}

func (s suite) reattachRunning(t *testing.T) {
	r, e := s.start(t, Case{Source: "echo first $$; until test -e stop; do sleep 0.05; done; echo last $$"})
	first := WaitFor(t, r, e, "first")
	r.Close()

	again, err := s.create(t).Reattach(Context(t), e)
	if err != nil {
		t.Fatalf("Reattach: %v", err)
	}
	defer again.Close()
	if err := os.WriteFile(filepath.Join(s.Work(e), "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	exit, log := Result(t, again, e)
	expect(t, exit, journal.Succeeded, "")
	pid := PIDAfter(t, first, "first")
	if want := fmt.Sprintf("first %d\nlast %d\n", pid, pid); string(log.Out) != want {
		t.Fatalf("log %q, want %q", log.Out, want)
	}
}

func (s suite) reattachEnded(t *testing.T) {
	r, e := s.start(t, Case{Source: "exit 9"})
	Result(t, r, e)
	r.Close()
	again, err := s.create(t).Reattach(Context(t), e)
	if err != nil {
		t.Fatalf("Reattach: %v", err)
	}
	defer again.Close()
	exit, _ := Result(t, again, e)
	expect(t, exit, journal.Failed, "exit_code")
}

func (s suite) fullDisk(t *testing.T) {
	s, x, j := s.onSmallDisk(t)
	a := Attempt(t, j, x.Kind(), s.prepared(Case{Source: "cat /dev/zero > fill; echo filled; seq 1 1000; rm fill; echo freed; exit 5"}))
	r, err := x.Start(Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	defer r.Close()
	exit, log := Result(t, r, a.Entry)
	expect(t, exit, journal.Failed, "exit_code")
	if exit.Code != 5 {
		t.Fatalf("code %d, want 5; log %q", exit.Code, log.All)
	}
	if exit.Dropped > 0 && !bytes.Contains(log.System, []byte("disk was full")) {
		t.Errorf("%d bytes are missing, and the log says %q", exit.Dropped, log.System)
	}
}

// onSmallDisk is s with an executor whose attempts work on a small disk, and a journal:
// there too, unless attempts work on another host.
func (s suite) onSmallDisk(t *testing.T) (suite, executor.Executor, *journal.Journal) {
	t.Helper()
	dir := SmallDisk(t)
	if s.OnDisk == nil {
		return s, s.create(t), Journal(t, dir)
	}
	x, prepare := s.OnDisk(t, dir)
	s.Prepare = prepare
	return s, Running(t, x), Journal(t, "")
}

// The script's result and what the agent notes of it have room on a full disk.
func (s suite) fullDiskForGood(t *testing.T) {
	s, x, j := s.onSmallDisk(t)
	never := Attempt(t, j, x.Kind(), s.prepared(Case{Source: "true"}))
	a := Attempt(t, j, x.Kind(), s.prepared(Case{Source: "cat /dev/zero > fill; exit 5"}))
	r, err := x.Start(Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	defer r.Close()
	exit, _ := Result(t, r, a.Entry)
	expect(t, exit, journal.Failed, "disk_full")
	if exit.Code != 5 {
		t.Fatalf("code %d, want 5", exit.Code)
	}
	if err := executor.Abandon(never.Entry, "full"); !errors.Is(err, executor.ErrRunnerFailed) {
		t.Errorf("abandon another attempt: %v", err)
	}
	if err := errors.Join(never.Entry.Finish(exit), a.Entry.Delivered(), j.SaveFence()); err != nil {
		t.Errorf("the agent cannot write: %v", err)
	}
	if err := errors.Join(a.Entry.Remove(), never.Entry.Remove()); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if free, err := j.Free(); err != nil || free < 4<<20 {
		t.Errorf("%d bytes are free then, %v", free, err)
	}
}

func (s suite) deepDirectory(t *testing.T) {
	dir := filepath.Join(OpenDir(t), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	x := s.create(t)
	a := Attempt(t, Journal(t, dir), x.Kind(), s.prepared(Case{Source: "echo ready; sleep 60"}))
	r, err := x.Start(Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	defer r.Close()
	WaitFor(t, r, a.Entry, "ready")
	if err := r.Cancel(Context(t), time.Second); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	exit, _ := Result(t, r, a.Entry)
	expect(t, exit, journal.Cancelled, "cancelled")
}

// An agent that is told to end does, and the next one goes on.
func (s suite) agentEnds(t *testing.T) {
	x := s.Create(t)
	a := Attempt(t, Journal(t, ""), x.Kind(), s.prepared(Case{Source: "echo ready; sleep 600"}))
	ctx, stop := context.WithCancel(Context(t))
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	r, err := x.Start(Context(t), a)
	if err != nil {
		stop()
		t.Fatalf("Start: %v", err)
	}
	WaitFor(t, r, a.Entry, "ready")
	r.Close()
	stop()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	case <-Context(t).Done():
		t.Fatal("the agent does not end")
	}
	r, err = s.create(t).Reattach(Context(t), a.Entry)
	if err != nil {
		t.Fatalf("Reattach: %v", err)
	}
	defer r.Close()
	if err := r.Cancel(Context(t), time.Second); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	exit, _ := Result(t, r, a.Entry)
	expect(t, exit, journal.Cancelled, "cancelled")
}

func (s suite) signalsAreDefault(t *testing.T) {
	_, log := s.run(t, Case{Source: "grep -E '^Sig(Ign|Blk)' /proc/self/status"})
	for line := range strings.Lines(string(log.Out)) {
		mask, err := strconv.ParseUint(strings.TrimSpace(line[len("SigXxx:"):]), 16, 64)
		if err != nil || mask != 0 {
			t.Errorf("the script inherits %s (%v)", line, err)
		}
	}
}
