package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	apiSocket  = "call.sock" // in the attempt's directory, which the script's user passes through to its workspace
	shortLink  = "short"     // in the attempt's directory: where the short way to the socket begins
	shortName  = "s"         // of the socket, there
	maxAddress = 107         // bytes that a socket's address may have
	lastWord   = 2 * time.Second
)

// api is the runtime API of one attempt: what the script may ask for.
type api struct {
	run      *run
	secrets  *secrets
	relay    *call.Relay
	progress *call.Progress

	socket *net.UnixListener
	server *call.Server
	path   string // of the socket, as the script sees it

	stop   context.CancelFunc
	served sync.WaitGroup
}

// listenAPI opens the socket for the script's user.
func (r *run) listenAPI(ctx context.Context, h *runnerv1.Handover, s *secrets) (*api, error) {
	a := &api{run: r, secrets: s, relay: r.relay}
	a.progress = call.NewProgress(a.relay.Ask)
	uid := os.Geteuid()
	if h.GetUser() != nil {
		uid = int(h.GetUser().GetUid())
	}
	socket, err := listenAt(ctx, apiSocket)
	if err != nil {
		return nil, err
	}
	a.socket = socket.(*net.UnixListener) //nolint:forcetypeassert // of the network "unix"
	if h.GetUser() != nil {
		err = os.Chown(apiSocket, uid, int(h.GetUser().GetGid()))
	}
	if err == nil {
		a.path, err = address(r.entry)
	}
	if err != nil {
		_ = a.socket.Close()
		return nil, err
	}
	a.server = call.NewServer(uint32(uid), a.answer, r.now) //nolint:gosec // a user id
	return a, nil
}

// environment tells the script where the API is.
func (a *api) environment() []string {
	return []string{"CRONIUM_SOCKET=" + a.path, "CRONIUM_RUNNER=" + ownPath()}
}

// ownPath is where this program is, as it was started: what it resolves to may be
// out of the script's reach. On a server the resident has started it as itself, by a
// name that is another program in every other process.
func ownPath() string {
	if filepath.IsAbs(os.Args[0]) && !strings.HasPrefix(os.Args[0], "/proc/") {
		return os.Args[0]
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func (a *api) start(ctx context.Context) {
	ctx, a.stop = context.WithCancel(ctx)
	a.served.Go(func() { a.server.Serve(ctx, a.socket) })
}

// end takes no more calls, and sends the last progress.
func (a *api) end(ctx context.Context) {
	a.stop()
	a.served.Wait()
	ctx, stop := context.WithTimeout(ctx, lastWord)
	defer stop()
	a.progress.End(ctx)
	ForgetSocket(a.run.entry)
}

// address is the path of the socket, by a short way if it is too long to be the
// address of one.
func address(e *journal.Entry) (string, error) {
	path := e.Path(apiSocket)
	if len(path) <= maxAddress {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "cronium-")
	if err != nil {
		return "", fmt.Errorf("make a short way to the socket: %w", err)
	}
	for _, err := range []error{os.Chmod(dir, 0o711), os.Symlink(path, filepath.Join(dir, shortName)), os.Symlink(dir, e.Path(shortLink))} { //nolint:gosec // passed through by the script's user
		if err != nil {
			return "", fmt.Errorf("make a short way to the socket: %w", err)
		}
	}
	return filepath.Join(dir, shortName), nil
}

// ForgetSocket removes what lies outside of the attempt's directory, for a runner
// that has ended or died.
func ForgetSocket(e *journal.Entry) {
	dir, err := os.Readlink(e.Path(shortLink))
	if err != nil {
		return
	}
	_ = os.Remove(filepath.Join(dir, shortName))
	_ = os.Remove(dir)
}

// answer is every call.
func (a *api) answer(ctx context.Context, name string, args []byte) ([]byte, *problem.Problem) {
	switch {
	case name == "progress.set":
		return a.progress.Set(ctx, args)
	case name == "secret.get":
		return a.secret(ctx, args)
	case call.ForHub(name):
		return a.relay.Ask(ctx, name, args)
	}
	switch name {
	case "run.facts":
		return a.facts(args)
	case "input.all":
		return a.inputs(args)
	case "log":
		return a.log(args)
	case "keep_alive":
		return call.Null, call.Decode(args, &struct{}{})
	}
	return nil, call.ErrUnknown.With("%.64q", name)
}

// secret masks a value before the script has it.
func (a *api) secret(ctx context.Context, args []byte) ([]byte, *problem.Problem) {
	value, p := a.relay.Ask(ctx, "secret.get", args)
	if p != nil {
		return nil, p
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, call.ErrUnreachable.With("the hub answered something that is no secret")
	}
	a.secrets.add(a.run.log, []byte(text))
	return value, nil
}

// facts are what a run knows of itself.
type facts struct {
	RunID          string  `json:"run_id"`
	Attempt        int32   `json:"attempt"`
	Project        string  `json:"project"`
	Job            string  `json:"job"`
	JobVersion     int32   `json:"job_version"`
	TimeoutSeconds float64 `json:"timeout_seconds"`
	Workspace      string  `json:"workspace"`
}

func (a *api) facts(args []byte) ([]byte, *problem.Problem) {
	if p := call.Decode(args, &struct{}{}); p != nil {
		return nil, p
	}
	p := a.run.payload
	id := p.GetEnv()["CRONIUM_RUN_ID"] // as people see it
	if id == "" {
		id = p.GetRef().GetRunId()
	}
	value, _ := json.Marshal(facts{RunID: id, Attempt: p.GetRef().GetAttempt(), Project: p.GetProject(), Job: p.GetJob(), // texts and numbers
		JobVersion: p.GetJobVersion(), TimeoutSeconds: timeout(p).Seconds(), Workspace: a.run.entry.Work()})
	return value, nil
}

func (a *api) inputs(args []byte) ([]byte, *problem.Problem) {
	if p := call.Decode(args, &struct{}{}); p != nil {
		return nil, p
	}
	if len(a.run.payload.GetInputsJson()) == 0 {
		return []byte("{}"), nil
	}
	return a.run.payload.GetInputsJson(), nil
}

// Calls implements the service.
func (r *run) Calls(ctx context.Context, stream runnerv1.RunnerService_CallsServer) error {
	return r.relay.Attach(ctx, stream)
}

// listenAt opens a socket in the working directory, for its owner alone.
func listenAt(ctx context.Context, name string) (net.Listener, error) {
	_ = os.Remove(name)
	defer unix.Umask(unix.Umask(0o177))
	return (&net.ListenConfig{}).Listen(ctx, "unix", name)
}
