package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// ensureImage makes the image be on the host, as its pull policy says.
func (x *Executor) ensureImage(ctx context.Context, c *runnerv1.Container) error {
	if c.GetPull() != "always" {
		asked, stop := context.WithTimeout(ctx, callLimit)
		defer stop()
		_, err := x.engine.ImageInspect(asked, c.GetImage())
		switch {
		case err == nil:
			return nil
		case !errdefs.IsNotFound(err):
			return ErrEngine.With("%v", err)
		case c.GetPull() == "never":
			return ErrImage.With("%s is not on the host, and may not be pulled", c.GetImage())
		}
	}
	return x.pull(ctx, c.GetImage())
}

func (x *Executor) pull(ctx context.Context, name string) error {
	ctx, stop := context.WithTimeout(ctx, pullLimit)
	defer stop()
	progress, err := x.engine.ImagePull(ctx, name, image.PullOptions{})
	if err != nil {
		return ErrImage.With("pull %s: %v", name, err)
	}
	defer func() { _ = progress.Close() }()
	if err := pulled(progress); err != nil {
		return ErrImage.With("pull %s: %v", name, err)
	}
	return nil
}

// pulled reads the engine's report to its end; an error is in its last message.
func pulled(r io.Reader) error {
	lines := json.NewDecoder(r)
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := lines.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}

// startProblem finds out what a container could not be started with.
func startProblem(err error) error {
	if text := err.Error(); strings.Contains(text, "network") && (errdefs.IsNotFound(err) || strings.Contains(text, "not found")) {
		return ErrNetwork.With("%v", err)
	}
	return ErrContainer.With("start it: %v", err)
}

func userText(uid, gid int) string { return fmt.Sprintf("%d:%d", uid, gid) }
