package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/cronium/cronium/agent/supervisor"
	"github.com/cronium/cronium/agent/uplink"
)

const (
	socketName    = "status.sock"
	answerTimeout = 5 * time.Second
)

// Status is how an agent is.
type Status struct {
	Running   bool      `json:"running"`
	Version   string    `json:"version,omitempty"`
	PID       int       `json:"pid,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Name      string    `json:"name"`
	AgentID   string    `json:"agent_id"`
	Hub       string    `json:"hub"`
	uplink.Status
	CertificateUntil time.Time `json:"certificate_until,omitzero"`
	Slots            int       `json:"slots,omitempty"`
	FreeSlots        int       `json:"free_slots"`
	Draining         bool      `json:"draining"`               // nothing new is taken
	Executors        []string  `json:"executors,omitempty"`    // ways to start an attempt: process, docker, ssh
	Limits           string    `json:"limits,omitempty"`       // what enforces those of processes: "cgroup v1: memory, cpu, pids"
	Scripts          string    `json:"scripts,omitempty"`      // whom processes run as
	Dependencies     string    `json:"dependencies,omitempty"` // whose packages are installed, and from where
	Console          bool      `json:"console"`                // people can open shells here
	Held             []Held    `json:"held"`
}

// Held is an attempt that an agent has.
type Held struct {
	Run     string `json:"run"`
	Attempt int32  `json:"attempt"`
	Phase   string `json:"phase"`
}

var phaseNames = map[supervisor.Phase]string{
	supervisor.Assigned: "assigned", supervisor.Starting: "starting", supervisor.Running: "running", supervisor.Finished: "finished",
}

// withSocket calls do with a path of the status socket that is short enough for
// an address, whatever the path of the data directory.
func withSocket(dir string, do func(path string) error) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketName))
}

// answer tells everybody who connects to the socket how the agent is. Only the
// agent's user and root can connect.
func (a *Agent) answer(line *uplink.Uplink, attempts *supervisor.Supervisor) func(context.Context) error {
	return func(ctx context.Context) error {
		var listener net.Listener
		_ = os.Remove(filepath.Join(a.cfg.DataDir, socketName))
		err := withSocket(a.cfg.DataDir, func(path string) (err error) {
			listener, err = (&net.ListenConfig{}).Listen(ctx, "unix", path)
			return err
		})
		if err != nil {
			return ErrDataDir.With("open the status socket: %v", err)
		}
		if err := os.Chmod(filepath.Join(a.cfg.DataDir, socketName), 0o600); err != nil {
			return ErrDataDir.With("protect the status socket: %v", err)
		}
		stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
		defer stop()
		defer func() { _ = os.Remove(filepath.Join(a.cfg.DataDir, socketName)) }()
		for {
			conn, err := listener.Accept()
			if err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return fmt.Errorf("answer questions about the status: %w", err)
			}
			if err := a.drain.reload(); err != nil {
				a.cfg.Log.WarnContext(ctx, "read whether to drain", "err", err)
			}
			_ = conn.SetDeadline(a.cfg.Now().Add(answerTimeout))
			_ = json.NewEncoder(conn).Encode(a.status(line, attempts)) // whoever asked has gone
			_ = conn.Close()
		}
	}
}

func (a *Agent) status(line *uplink.Uplink, attempts *supervisor.Supervisor) Status {
	s := Status{Running: true, Version: a.cfg.Version, PID: os.Getpid(), StartedAt: a.started.UTC(),
		Name: a.identity.Name, AgentID: a.identity.AgentID, Hub: a.identity.Hub,
		Status: line.Status(), CertificateUntil: a.identity.Until().UTC(),
		Slots: a.cfg.Slots, FreeSlots: attempts.FreeSlots(), Draining: a.drain.Draining(), Executors: a.kinds, Console: a.console.On(), Held: []Held{}}
	if a.groups != nil {
		s.Limits, s.Scripts, s.Dependencies = a.groups.String(), a.scripts.String(), a.describeDependencies()
	}
	for _, h := range attempts.Held() {
		s.Held = append(s.Held, Held{h.Ref.RunID, h.Ref.Attempt, phaseNames[h.Phase]})
	}
	return s
}

// Ask returns the status of the agent on a data directory. Of one that does not
// run it returns who it is, and [ErrNotRunning].
func Ask(ctx context.Context, dir string) (Status, error) {
	identity, err := uplink.LoadIdentity(dir)
	if err != nil {
		return Status{}, err
	}
	s := Status{Name: identity.Name, AgentID: identity.AgentID, Hub: identity.Hub, CertificateUntil: identity.Until().UTC(), Held: []Held{}}
	word, err := readDrain(dir)
	if err != nil {
		return Status{}, err
	}
	s.Draining = word.Draining
	ctx, stop := context.WithTimeout(ctx, answerTimeout)
	defer stop()
	err = withSocket(dir, func(path string) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		end, _ := ctx.Deadline()
		if err := conn.SetDeadline(end); err != nil {
			return err
		}
		return json.NewDecoder(conn).Decode(&s)
	})
	if err != nil {
		return s, ErrNotRunning.With("%v", err)
	}
	return s, nil
}
