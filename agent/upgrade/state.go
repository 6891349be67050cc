package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	stateFile    = "upgrade.json"
	versionsDir  = "versions"
	agentProgram = "cronium-agent"
)

// state is what upgrade.json holds.
type state struct {
	Base    string   `json:"base"`              // the version that is installed
	Program string   `json:"program"`           // and where
	Current string   `json:"current,omitempty"` // the version that runs in its place
	Trial   string   `json:"trial,omitempty"`   // the version that is to become Current
	Starts  int      `json:"starts,omitempty"`  // of Trial
	Failed  *Failure `json:"failed,omitempty"`  // not told yet
}

// Failure is why a version is not the one that runs.
type Failure struct {
	Version string `json:"version"`
	Why     string `json:"why"` // a sentence
}

// store is the part of the data directory that is ours.
type store struct{ dir string }

func (s store) versions() string { return filepath.Join(s.dir, versionsDir) }

func (s store) agent(version string) string {
	return filepath.Join(s.versions(), version, agentProgram)
}

// versionOf is the version whose program is at path, "" if it is none of ours.
func (s store) versionOf(path string) string {
	dir := filepath.Dir(path)
	if filepath.Dir(dir) != s.versions() {
		return ""
	}
	return filepath.Base(dir)
}

// load returns false without a state.
func (s store) load() (state, bool, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	var st state
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err != nil {
		return state{}, false, fmt.Errorf("read %s: %w", stateFile, err)
	}
	return st, true, nil
}

// save replaces the state, whole and on disk.
func (s store) save(st state) error {
	text, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, stateFile)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// keep removes every version but the named ones, and what was never finished.
func (s store) keep(versions ...string) error {
	entries, err := os.ReadDir(s.versions())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, v := range versions {
		wanted[v] = v != ""
	}
	var all error
	for _, e := range entries {
		if !wanted[e.Name()] {
			all = errors.Join(all, os.RemoveAll(filepath.Join(s.versions(), e.Name())))
		}
	}
	return all
}

// clear forgets everything.
func (s store) clear() error {
	return errors.Join(os.RemoveAll(s.versions()), remove(filepath.Join(s.dir, stateFile)))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
