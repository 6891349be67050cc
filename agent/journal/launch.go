package journal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"time"
)

// Launch is what an executor knows of an attempt before its runner does.
type Launch struct {
	Image  string        `json:"image,omitempty"`  // reference, of a container
	Digest string        `json:"digest,omitempty"` // sha256:…, which image that was
	Pull   time.Duration `json:"pull,omitempty"`   // how long the image took to come
}

// Record notes how the attempt is launched. It is called before the runner starts.
func (e *Entry) Record(l Launch) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return e.retry(func() error { return writeFile(e.Path("launch"), 0, b) })
}

// Launch returns what was noted; nothing for a process.
func (e *Entry) Launch() (Launch, error) {
	l, _, err := read[Launch](e.Path("launch"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return l, err
}

// Phase is a part of an attempt's life.
type Phase struct {
	Name     string
	Duration time.Duration
}

// The phases, in order.
const (
	Prepare = "prepare" // from the intent to the runner's claim, without the pull
	Pull    = "pull"    // of an image; only where one was pulled
	Install = "install" // of the script's dependencies; only where it has some
	Run     = "run"     // the script
	Collect = "collect" // from the script's end to the result
)

// Phases tells how long each phase of an ended attempt took. What clocks of
// different boots or machines would have to tell is left out.
func (e *Entry) Phases(exit Exit) ([]Phase, error) {
	launch, launchErr := e.Launch()
	intent, ok, intentErr := e.Intent()
	started, claimed, startedErr := e.Started()
	if err := errors.Join(launchErr, intentErr, startedErr); err != nil || !ok {
		return nil, err
	}
	var list []Phase
	begun, boot := started.At, started.Runner.BootID
	if !claimed || started.Abandoned {
		begun, boot = exit.EndedAt, exit.BootID
	}
	if boot == intent.BootID && begun >= intent.At && intent.At > 0 {
		list = append(list, Phase{Prepare, max(0, begun-intent.At-launch.Pull)})
	}
	if launch.Pull > 0 {
		list = append(list, Phase{Pull, launch.Pull})
	}
	if exit.Install > 0 {
		list = append(list, Phase{Install, exit.Install})
	}
	if claimed && !started.Abandoned {
		list = append(list, Phase{Run, exit.Duration}, Phase{Collect, exit.Collect})
	}
	return list, nil
}
