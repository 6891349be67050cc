package upgrade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultTrial = time.Minute
	// maxStarts is how often a version on trial is started: once more than once,
	// because a host may go down at just that moment.
	maxStarts = 2
	reapEvery = 5 * time.Second
)

// Config says what is upgraded. DataDir and Version are required.
type Config struct {
	DataDir string
	Version string        // of this program
	Trial   time.Duration // within which a new version must be connected; a minute if zero
	Log     *slog.Logger
}

// Upgrades is the upgrading of one agent. All methods may be called concurrently.
type Upgrades struct {
	cfg    Config
	store  store
	self   string // path of this program
	become func(path string) error

	orders   chan []byte
	bell     chan struct{}
	children []int // that another version has started in this process

	mu    sync.Mutex
	state state
	timer *time.Timer // while on trial
}

// Begin decides which version runs, before anything else is done with the data
// directory. If that is another one, this process becomes it and Begin does not
// return. A version on trial has from here on the time that it has.
func Begin(cfg Config) (*Upgrades, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil { // else there is nothing in it
		dir = real
	}
	u := newUpgrades(cfg, store{dir}, self)
	u.children = children()
	next, err := u.decide()
	for err == nil && next != "" {
		next, err = u.otherwise(u.become(next))
	}
	if err != nil {
		return nil, fmt.Errorf("choose a version: %w", err)
	}
	if u.onTrial() {
		u.mu.Lock()
		u.timer = time.AfterFunc(u.cfg.Trial, func() {
			u.RollBack(fmt.Sprintf("It was not connected to the hub within %s", u.cfg.Trial))
		})
		u.mu.Unlock()
	}
	return u, nil
}

func newUpgrades(cfg Config, s store, self string) *Upgrades {
	if cfg.Trial == 0 {
		cfg.Trial = defaultTrial
	}
	return &Upgrades{cfg: cfg, store: s, self: self, become: become, orders: make(chan []byte, 1), bell: make(chan struct{}, 1)}
}

// become makes this process the program at path, with the same arguments.
func become(path string) error {
	return fmt.Errorf("start %s: %w", path, syscall.Exec(path, os.Args, os.Environ())) //nolint:gosec // checked before it was put there
}

// decide returns the program that is to run instead of this one, or "".
func (u *Upgrades) decide() (string, error) {
	st, exists, err := u.store.load()
	if err != nil { // nothing in it is worth not running
		u.cfg.Log.Error("the state of upgrades is lost", "err", err)
		return "", u.store.clear()
	}
	if u.upgraded() {
		u.state = st
		return "", nil
	}
	if !exists {
		u.state = state{Base: u.cfg.Version, Program: u.self}
		return "", nil
	}
	if st.Base != u.cfg.Version {
		u.cfg.Log.Info("another version was installed", "version", u.cfg.Version, "before", st.Base)
		u.state = state{Base: u.cfg.Version, Program: u.self}
		return "", u.store.clear()
	}
	st.Program = u.self
	u.state = st
	return u.choose()
}

// choose is decide for the installed program.
func (u *Upgrades) choose() (string, error) {
	switch st := &u.state; {
	case st.Trial != "" && st.Starts >= maxStarts:
		u.fail(st.Trial, fmt.Sprintf("It ended before it was connected to the hub, %d times", st.Starts))
		st.Trial, st.Starts = "", 0
	case st.Trial != "":
		st.Starts++
		return u.store.agent(st.Trial), u.store.save(*st)
	}
	if err := u.store.save(u.state); err != nil {
		return "", err
	}
	if u.state.Current == "" {
		return "", nil
	}
	return u.store.agent(u.state.Current), nil
}

// otherwise is the next choice after the first one could not be started.
func (u *Upgrades) otherwise(why error) (string, error) {
	st := &u.state
	if st.Trial != "" {
		u.fail(st.Trial, sentence(why))
		st.Trial, st.Starts = "", 0
		return u.choose()
	}
	u.cfg.Log.Error("the version in use cannot be started, so the installed one is", "version", st.Current, "err", why)
	st.Current = ""
	return "", u.store.save(*st)
}

// fail notes a failure that the hub is to hear of.
func (u *Upgrades) fail(version, why string) {
	u.cfg.Log.Error("upgrade failed", "version", version, "why", why)
	u.state.Failed = &Failure{Version: version, Why: why}
}

// upgraded reports whether this program is one of ours, not the installed one.
func (u *Upgrades) upgraded() bool { return u.store.versionOf(u.self) != "" }

// Upgraded reports whether this program came by an upgrade. Then its runner is
// beside it, whatever the arguments say.
func (u *Upgrades) Upgraded() bool { return u.upgraded() }

func (u *Upgrades) onTrial() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state.Trial != "" && u.store.versionOf(u.self) == u.state.Trial
}

// OnTrial reports whether this version has yet to prove itself.
func (u *Upgrades) OnTrial() bool { return u.onTrial() }

// Welcome says that the hub has answered our Hello: the trial is over.
func (u *Upgrades) Welcome() {
	if !u.onTrial() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.timer.Stop()
	before := u.state.Current
	u.state.Current, u.state.Trial, u.state.Starts = u.state.Trial, "", 0
	if err := errors.Join(u.store.save(u.state), u.store.keep(u.state.Current, before)); err != nil {
		u.cfg.Log.Error("note that the upgrade has worked", "err", err)
	}
	u.cfg.Log.Info("upgraded", "version", u.cfg.Version)
}

// RollBack ends the trial of this version: the process becomes the one before, and
// the hub will be told why. It returns only if that is not possible, or there is no
// trial.
func (u *Upgrades) RollBack(why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.Trial == "" || u.store.versionOf(u.self) != u.state.Trial {
		return
	}
	u.fail(u.state.Trial, why)
	u.state.Trial, u.state.Starts = "", 0
	path := u.state.Program
	if u.state.Current != "" {
		path = u.store.agent(u.state.Current)
	}
	err := u.store.save(u.state)
	if err == nil {
		err = u.become(path)
	}
	u.cfg.Log.Error("go back to the version before", "program", path, "err", err)
}

// Failure is what the hub has not been told, nil if there is nothing.
func (u *Upgrades) Failure() *Failure {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state.Failed
}

// Told says that the hub has heard of a failure.
func (u *Upgrades) Told(f *Failure) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.Failed != f {
		return
	}
	u.state.Failed = nil
	if err := u.store.save(u.state); err != nil {
		u.cfg.Log.Warn("note that the hub was told", "err", err) // then it is told again
	}
}

// Bell rings when there is a failure to tell.
func (u *Upgrades) Bell() <-chan struct{} { return u.bell }

// Order takes the hub's order, which is repeated until it is obeyed. It does not wait.
func (u *Upgrades) Order(signed []byte) {
	select {
	case u.orders <- signed:
	default: // one is being obeyed
	}
}

// Switch is how [Upgrades.Run] ends when another version is to take over.
type Switch struct {
	Version string
	path    string
	u       *Upgrades
}

func (s *Switch) Error() string { return "version " + s.Version + " takes over" }

// Become makes this process the other version. It returns only if that failed; then
// the hub will be told, and the version that runs should be started again.
func (s *Switch) Become() error {
	err := s.u.become(s.path)
	if err == nil {
		return nil
	}
	s.u.mu.Lock()
	defer s.u.mu.Unlock()
	s.u.fail(s.Version, sentence(err))
	s.u.state.Trial, s.u.state.Starts = "", 0
	return errors.Join(err, s.u.store.save(s.u.state))
}

// Run obeys orders until ctx ends; it ends with a [Switch] when a new version is in
// its place.
func (u *Upgrades) Run(ctx context.Context, from Source) error {
	reap := time.NewTicker(reapEvery)
	defer reap.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-reap.C:
			u.reap()
		case signed := <-u.orders:
			next, err := u.obey(ctx, from, signed)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if next != nil {
				return next
			}
			if err != nil {
				u.cfg.Log.ErrorContext(ctx, "an order to upgrade is not obeyed", "err", err)
			}
		}
	}
}

// reap takes leave of processes that the version before has started and this one
// does not know: runners whose scripts are over.
func (u *Upgrades) reap() {
	left := u.children[:0]
	for _, pid := range u.children {
		got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if got == 0 && err == nil {
			left = append(left, pid)
		}
	}
	u.children = left
}
