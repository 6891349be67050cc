package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cronium/cronium/proto/payload"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	fetchTimeout = 30 * time.Minute
	tryTimeout   = 10 * time.Second
	partial      = ".partial" // the directory of what is not whole yet
	runnerName   = "cronium-runner"
)

// Source is whose orders count and where programs come from.
type Source struct {
	Keys     payload.Keys
	Instance string
	AgentID  string
	// Fetch writes a program that an order names.
	Fetch func(ctx context.Context, name string, to io.Writer) error
}

// obey puts the ordered version in its place. It returns what takes over, or nil
// with what is wrong, which the hub is told; or nil and nil if there is nothing to do.
func (u *Upgrades) obey(ctx context.Context, from Source, signed []byte) (*Switch, error) {
	order, err := from.Keys.OpenUpgrade(signed)
	if err == nil && (order.Instance != from.Instance || order.AgentID != from.AgentID) {
		err = payload.ErrRejected.With("It is signed for agent %s of %s", order.AgentID, order.Instance)
	}
	if err != nil {
		return nil, err // nobody to tell: it is not the hub's
	}
	if order.Version == u.cfg.Version {
		return nil, nil
	}
	if f := u.Failure(); f != nil && f.Version == order.Version {
		return nil, nil // the hub does not know yet
	}
	if u.onTrial() {
		return nil, nil
	}
	u.cfg.Log.InfoContext(ctx, "upgrading", "version", order.Version)
	err = u.prepare(ctx, from, order)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		st := u.state
		st.Trial, st.Starts, st.Failed = order.Version, 1, nil
		if err = u.store.save(st); err == nil {
			u.state = st
			return &Switch{Version: order.Version, path: u.store.agent(order.Version), u: u}, nil
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	u.fail(order.Version, sentence(err))
	select {
	case u.bell <- struct{}{}:
	default:
	}
	return nil, nil
}

// sentence is what people read of an error.
func sentence(err error) string {
	if p, ok := problem.As(err); ok {
		return p.Title + ": " + p.Detail
	}
	return err.Error()
}

// prepare fetches, checks and tries both programs, and puts them in their place.
func (u *Upgrades) prepare(ctx context.Context, from Source, order payload.Upgrade) error {
	u.mu.Lock()
	inUse := []string{u.state.Current, u.store.versionOf(u.self)}
	u.mu.Unlock()
	if err := u.store.keep(inUse...); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	dir := filepath.Join(u.store.versions(), partial)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, fetchTimeout)
	defer stop()
	for name, file := range map[string]payload.File{agentProgram: order.Agent, runnerName: order.Runner} {
		path := filepath.Join(dir, name)
		if err := fetch(ctx, from, file, path); err != nil {
			return fmt.Errorf("fetch %s: %w", file.Name, err)
		}
		if err := try(ctx, path, name, order.Version); err != nil {
			return err
		}
	}
	place := filepath.Join(u.store.versions(), order.Version)
	if err := errors.Join(syncDir(dir), os.RemoveAll(place)); err != nil {
		return fmt.Errorf("put it in its place: %w", err)
	}
	if err := os.Rename(dir, place); err != nil {
		return fmt.Errorf("put it in its place: %w", err)
	}
	return syncDir(u.store.versions())
}

// fetch writes a program to path, if it is what the order says.
func fetch(ctx context.Context, from Source, file payload.File, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := &checked{to: f, sum: sha256.New(), left: file.Size}
	err = from.Fetch(ctx, file.Name, w)
	if err == nil {
		err = w.is(file)
	}
	if err == nil {
		err = f.Chmod(0o755)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// checked is a file that takes as many bytes as it should, and sums them up.
type checked struct {
	to   io.Writer
	sum  hash.Hash
	left int64
}

func (c *checked) Write(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		return 0, ErrChanged.With("it is longer than the order says")
	}
	c.left -= int64(len(p))
	_, _ = c.sum.Write(p) // never fails
	return c.to.Write(p)
}

func (c *checked) is(file payload.File) error {
	if got := hex.EncodeToString(c.sum.Sum(nil)); c.left != 0 || got != file.SHA256 {
		return ErrChanged.With("its SHA-256 is %s, the order says %s", got, file.SHA256)
	}
	return nil
}

// try asks a program for its version.
func try(ctx context.Context, path, name, version string) error {
	ctx, stop := context.WithTimeout(ctx, tryTimeout)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "--version") //nolint:gosec // its sum is the one that the hub has signed
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{}, "/", time.Second
	out, err := cmd.Output()
	if err != nil {
		return ErrNotRunnable.With("%s --version: %v", name, err)
	}
	said := strings.Fields(string(out))
	if len(said) < 2 || said[0] != name || said[1] != version {
		return ErrNotRunnable.With("%s is not version %s, as it says itself", name, version)
	}
	return nil
}
