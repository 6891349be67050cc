package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
	reference "github.com/cronium/cronium/proto/image"
)

// found is an image on this host.
type found struct {
	id     string // of the engine: what is started is what was found
	digest string // the registry's, or the id of an image that is from none
}

// resolve makes the image be on the host, as its pull policy says, and notes which
// one that is.
func (x *Executor) resolve(ctx context.Context, e *journal.Entry, o *order) (found, error) {
	launch := journal.Launch{Image: o.image}
	pull := o.payload.GetContainer().GetPull()
	f, here, err := x.look(ctx, o)
	if err == nil && (!here || pull == "always") && pull != "never" && !o.builtIn {
		began := boot.Now()
		err = x.pull(ctx, o)
		launch.Pull = max(boot.Now()-began, time.Nanosecond)
		if err == nil {
			f, here, err = x.look(ctx, o)
		}
	}
	if err == nil && !here {
		err = missing(o)
	}
	launch.Digest = f.digest
	if noteErr := e.Record(launch); noteErr != nil && err == nil {
		err = ErrContainer.With("note which image it is: %v", noteErr)
	}
	return f, err
}

func missing(o *order) error {
	switch {
	case o.payload.GetContainer().GetImage() == "":
		return ErrNoImage.With("%s, the image of %s jobs that name none, is not on the host", o.image, o.payload.GetScript().GetLanguage())
	case o.ref.Digest != "":
		return ErrImage.With("No image %s is on the host", o.image)
	}
	return ErrImage.With("%s is not on the host, and may not be pulled", o.image)
}

// look finds the image on the host. One that the engine finds otherwise than by its
// name or digest, as by the beginning of an id, is not it.
func (x *Executor) look(ctx context.Context, o *order) (found, bool, error) {
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	seen, err := x.engine.ImageInspect(ctx, o.image)
	switch {
	case errdefs.IsNotFound(err):
		return found{}, false, nil
	case err != nil:
		return found{}, false, ErrEngine.With("%v", err)
	}
	f := found{id: seen.ID, digest: seen.ID}
	for _, text := range seen.RepoDigests {
		if ref, ok := reference.Parse(text); ok && ref.Repository == o.ref.Repository && (o.ref.Digest == "" || ref.Digest == o.ref.Digest) {
			f.digest = ref.Digest
		}
	}
	if o.ref.Digest != "" {
		return f, f.digest == o.ref.Digest, nil
	}
	named := slices.ContainsFunc(seen.RepoTags, func(text string) bool {
		ref, ok := reference.Parse(text)
		return ok && ref.Repository == o.ref.Repository && ref.Tag == o.ref.Tag
	})
	return f, named, nil
}

func (x *Executor) pull(ctx context.Context, o *order) error {
	ctx, stop := context.WithTimeout(ctx, pullLimit)
	defer stop()
	options, err := x.login(o.ref.Registry())
	if err != nil {
		return err
	}
	progress, err := x.engine.ImagePull(ctx, o.image, options)
	if err == nil {
		err = pulled(progress)
		_ = progress.Close()
	}
	if err == nil {
		return nil
	}
	text := err.Error()
	if errdefs.IsUnauthorized(err) || errdefs.IsPermissionDenied(err) || strings.Contains(text, "denied") || strings.Contains(text, "unauthorized") ||
		strings.Contains(text, "authentication required") || strings.Contains(text, "no basic auth credentials") {
		return ErrDenied.With("Pull %s: %v", o.image, err)
	}
	return ErrImage.With("Pull %s: %v", o.image, err)
}

// login is what the policy has for the registry.
func (x *Executor) login(host string) (image.PullOptions, error) {
	who, ok, err := x.cfg.Policy.Login(host)
	if err != nil || !ok {
		return image.PullOptions{}, err
	}
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: who.Username, Password: who.Password(), ServerAddress: host})
	return image.PullOptions{RegistryAuth: auth}, err
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
