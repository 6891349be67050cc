package journal_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
)

func TestPhasesAreToldFromWhatWasWritten(t *testing.T) {
	j := open(t, t.TempDir())
	here := boot.Process{PID: 7, BootID: boot.ID()}
	for name, c := range map[string]struct {
		launch  *journal.Launch
		started *journal.Started // At counts from the intent
		exit    journal.Exit     // so does EndedAt
		want    []journal.Phase
	}{
		"a process": {nil, &journal.Started{Runner: here, At: 20 * time.Millisecond}, journal.Exit{Duration: time.Second, Collect: 5 * time.Millisecond},
			[]journal.Phase{{journal.Prepare, 20 * time.Millisecond}, {journal.Run, time.Second}, {journal.Collect, 5 * time.Millisecond}}},
		"with a pull": {&journal.Launch{Image: "a:1", Digest: "sha256:0a", Pull: 3 * time.Second}, &journal.Started{Runner: here, At: 4 * time.Second},
			journal.Exit{Duration: time.Second}, []journal.Phase{{journal.Prepare, time.Second}, {journal.Pull, 3 * time.Second}, {journal.Run, time.Second}, {journal.Collect, 0}}},
		"never started": {&journal.Launch{Image: "a:1", Pull: time.Second}, &journal.Started{Abandoned: true, At: time.Second},
			journal.Exit{EndedAt: 1500 * time.Millisecond, BootID: boot.ID()}, []journal.Phase{{journal.Prepare, 500 * time.Millisecond}, {journal.Pull, time.Second}}},
		"on another clock": {nil, &journal.Started{Runner: boot.Process{PID: 7, BootID: "another"}, At: time.Hour}, journal.Exit{Duration: time.Second},
			[]journal.Phase{{journal.Run, time.Second}, {journal.Collect, 0}}},
	} {
		e, err := j.Create(journal.Intent{Ref: journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: 1}, Kind: "test"}, []byte("spec"))
		if err != nil {
			t.Fatal(err)
		}
		intent, _, err := e.Intent()
		if err != nil {
			t.Fatal(err)
		}
		if c.launch != nil {
			if err := e.Record(*c.launch); err != nil {
				t.Fatal(err)
			}
			if got, err := e.Launch(); err != nil || got != *c.launch {
				t.Errorf("%s: Launch = %+v, %v; want %+v", name, got, err, *c.launch)
			}
		}
		c.started.At += intent.At
		c.exit.EndedAt += intent.At
		if err := e.Claim(*c.started); err != nil {
			t.Fatal(err)
		}
		got, err := e.Phases(c.exit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
