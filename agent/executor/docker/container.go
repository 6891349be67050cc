package docker

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-units"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// Where things are in a container.
const (
	attemptDir = "/cronium/attempt"
	runnerPath = "/cronium/runner"
)

// The defaults of what an attempt may use (reliability page, §4.13).
const (
	defaultMemory    = 512 << 20
	defaultProcesses = 256 // and as many CPUs as the host has
	tmpSize          = "size=67108864,mode=1777,nosuid,nodev"
	openFiles        = 4096
	nobody           = 65532 // the "nonroot" user of common base images
)

const agentLabel = "cronium.agent"

// scriptUser is whom scripts run as. An agent that is not root cannot give files
// away, so all of its containers run as its own user.
func scriptUser() *runnerv1.User {
	if os.Geteuid() != 0 {
		return nil
	}
	return &runnerv1.User{Uid: nobody, Gid: nobody, Name: "nonroot"}
}

// create makes the container. Every field of what it may do is set here.
func (x *Executor) create(ctx context.Context, e *journal.Entry, o *order, image found, name string) (string, error) {
	config := &container.Config{
		Image: image.id, Entrypoint: []string{runnerPath}, Cmd: []string{attemptDir}, WorkingDir: attemptDir,
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Labels:      map[string]string{agentLabel: x.cfg.AgentID, "cronium.run": e.Ref.RunID, "cronium.image": o.image},
		StopSignal:  "SIGTERM",
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	if err := os.Chmod(e.Dir, 0o711); err != nil { // the script's user passes through it to its workspace
		return "", err
	}
	host := x.hostConfig(e, o)
	config.User = userText(os.Geteuid(), os.Getegid()) // of the runner, whatever the image says
	if os.Geteuid() != 0 {
		host.CapAdd = nil
	}
	made, err := x.engine.ContainerCreate(ctx, config, host, nil, nil, name)
	switch {
	case errdefs.IsNotFound(err):
		return "", ErrImage.With("%v", err)
	case err != nil:
		return "", ErrContainer.With("create it: %v", err)
	}
	return made.ID, nil
}

func (x *Executor) hostConfig(e *journal.Entry, o *order) *container.HostConfig {
	processes := o.limits.Processes + runner.Threads
	mounts := []mount.Mount{bind(e.Dir, attemptDir, false), bind(x.cfg.Runner, runnerPath, true)}
	for _, m := range o.mounts {
		mounts = append(mounts, bind(m.Source, m.Target, m.ReadOnly))
	}
	return &container.HostConfig{
		Mounts:         mounts,
		NetworkMode:    container.NetworkMode(o.network),
		DNS:            x.cfg.Policy.DNS(),
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:      container.LogConfig{Type: "none"}, // the log is in the attempt's directory
		CapDrop:        []string{"ALL"},
		CapAdd:         []string{"CHOWN", "KILL", "SETGID", "SETUID"},
		SecurityOpt:    []string{"no-new-privileges"},
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": tmpSize, "/run": tmpSize},
		IpcMode:        container.IPCModePrivate,
		Resources: container.Resources{
			Memory: o.limits.MemoryBytes, MemorySwap: o.limits.MemoryBytes, NanoCPUs: o.limits.MilliCPUs * 1_000_000, PidsLimit: &processes,
			Ulimits: []*units.Ulimit{{Name: "nofile", Soft: openFiles, Hard: openFiles}, {Name: "core", Soft: 0, Hard: 0}},
		},
	}
}

// bind mounts a part of the host. What is mounted there later, on either side,
// stays on that side.
func bind(source, target string, readOnly bool) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: readOnly,
		BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate}}
}

// containerRunner is the runner of an attempt, which is its container.
type containerRunner struct {
	x     *Executor
	name  string // or id
	known string // name
	ended chan struct{}
	stop  context.CancelFunc
	once  sync.Once
	cut   atomic.Bool // the engine was away while the container ran
}

// Ended implements [local.Runner].
func (c *containerRunner) Ended() <-chan struct{} { return c.ended }

// Gone implements [local.Runner].
func (c *containerRunner) Gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Bury implements [local.Runner].
func (c *containerRunner) Bury(ctx context.Context, _ journal.Started) *problem.Problem {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	found, err := c.x.engine.ContainerInspect(ctx, c.name)
	switch {
	case c.cut.Load():
		return ErrRestarted.With("It was away for a while, and the container %s ended", c.known)
	case errdefs.IsNotFound(err):
		return ErrRunnerDied.With("There is no container %s any more", c.known)
	case err != nil:
		return ErrRunnerDied.With("The engine says of it: %v", err)
	case found.State != nil && found.State.OOMKilled:
		return runner.ErrMemory.With("the kernel killed the container's runner")
	case found.State != nil:
		return ErrRunnerDied.With("It ended with code %d %s", found.State.ExitCode, found.State.Error)
	}
	return ErrRunnerDied
}

// over removes the container as soon as it has ended, which it does by itself.
func (c *containerRunner) over(ctx context.Context) {
	c.once.Do(func() {
		c.x.work.Go(func() {
			defer c.x.forget(c.known)
			defer c.stop()
			select {
			case <-c.ended:
			case <-time.After(lastBreath):
			}
			c.x.remove(context.WithoutCancel(ctx), c.name)
		})
	})
}

// lastBreath is how long a runner may take from its result to its end.
const lastBreath = 10 * time.Second

// leave lets go of a container that runs on.
func (c *containerRunner) leave() {
	c.once.Do(c.stop)
}

func (c *containerRunner) kill(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	_ = c.x.engine.ContainerKill(ctx, c.name, "SIGKILL")
}

// startWith starts the container with its runner's stdin connected, and writes to it.
func (x *Executor) startWith(ctx context.Context, e *journal.Entry, id string, secrets []byte) (*containerRunner, error) {
	pipe, err := x.engine.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, ErrContainer.With("attach to it: %v", err)
	}
	c := x.follow(ctx, id)
	c.known = x.name(e.Ref)
	if err := x.engine.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		pipe.Close()
		c.leave()
		return nil, startProblem(err)
	}
	stop := c.stop
	c.stop = func() { // who lets go of it hears no more of it
		stop()
		pipe.Close()
	}
	words, err := os.OpenFile(e.Path(runner.Words), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		words = nil
	}
	x.work.Go(func() {
		defer pipe.Close()
		if words == nil {
			_, _ = io.Copy(io.Discard, pipe.Reader)
			return
		}
		defer func() { _ = words.Close() }()
		_, _ = stdcopy.StdCopy(words, words, pipe.Reader)
	})
	// A runner that finds its handover incomplete ends without a claim.
	_, _ = pipe.Conn.Write(secrets)
	_ = pipe.CloseWrite()
	return c, nil
}

// follow learns when a container ends. While the engine does not answer it is
// asked again: it may be restarting, and containers may survive that.
func (x *Executor) follow(ctx context.Context, name string) *containerRunner {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with the container, or by leave
	c := &containerRunner{x: x, name: name, known: name, ended: make(chan struct{}), stop: stop}
	created, failed := x.engine.ContainerWait(ctx, name, container.WaitConditionNextExit)
	x.work.Go(func() {
		for {
			select {
			case <-created:
				close(c.ended)
				return
			case err := <-failed:
				if ctx.Err() != nil {
					return
				}
				over, asked := x.isOver(ctx, name)
				if errdefs.IsNotFound(err) || over {
					close(c.ended)
					return
				}
				if !asked {
					c.cut.Store(true)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(askAgain):
			}
			created, failed = x.engine.ContainerWait(ctx, name, container.WaitConditionNotRunning)
		}
	})
	return c
}

// askAgain is the pause after the engine did not answer.
const askAgain = time.Second

// isOver asks whether a container has ended; asked is false if nobody answered.
func (x *Executor) isOver(ctx context.Context, name string) (over, asked bool) {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	found, err := x.engine.ContainerInspect(ctx, name)
	if err != nil {
		return false, errdefs.IsNotFound(err)
	}
	return found.State != nil && !found.State.Running && found.State.Status != container.StateCreated, true
}

// remove removes a container, whatever it does.
func (x *Executor) remove(ctx context.Context, name string) {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	err := x.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // conflict: somebody is removing it
		x.cfg.Log.WarnContext(ctx, "remove a container", "container", name, "err", err)
	}
}

const (
	reconcileEvery = 30 * time.Second
	unaccounted    = time.Minute // how long a container may belong to no attempt
)

// reconcile removes what no attempt accounts for: what a killed agent has left
// between the creation of a container and its journal, and what could not be
// removed before.
func (x *Executor) reconcile(ctx context.Context) {
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			x.Sweep(ctx, unaccounted)
		}
	}
}

// Sweep removes the agent's containers that are older than age and belong to no
// attempt that is attended.
func (x *Executor) Sweep(ctx context.Context, age time.Duration) {
	asked, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	list, err := x.engine.ContainerList(asked, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", agentLabel+"="+x.cfg.AgentID))})
	if err != nil {
		x.cfg.Log.WarnContext(ctx, "list containers", "err", err)
		return
	}
	for _, found := range list {
		if len(found.Names) == 0 || x.attended(found.Names[0][1:]) || x.cfg.Now().Sub(time.Unix(found.Created, 0)) < age {
			continue
		}
		x.cfg.Log.WarnContext(ctx, "removing a container that no attempt accounts for", "container", found.Names[0][1:])
		x.remove(ctx, found.ID)
	}
}
