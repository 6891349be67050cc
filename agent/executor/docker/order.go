package docker

import (
	"cmp"
	"fmt"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/proto/image"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// DefaultImages are the images of jobs that name none, by language: those that
// `make images` builds.
func DefaultImages() map[string]string {
	return map[string]string{"bash": "cronium-bash:latest", "python": "cronium-python:latest", "node": "cronium-node:latest"}
}

// order is what an attempt asks for, as far as the host allows it.
type order struct {
	payload *runnerv1.Payload
	image   string // as it is written
	ref     image.Reference
	builtIn bool // the image is one of [DefaultImages], which no registry has
	network string
	mounts  []policy.Mount
	limits  policy.Limits
}

// order reads what is to be run, and holds it against the policy. The runner checks
// the payload again.
func (x *Executor) order(a executor.Attempt) (*order, error) {
	spec, err := a.Entry.Spec()
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	p, err := payload.Keys(a.Handover.GetKeys()).Open(spec)
	if err != nil {
		return nil, err
	}
	o := &order{payload: p, network: cmp.Or(p.GetContainer().GetNetwork(), "bridge")}
	if err := x.chooseImage(o); err != nil {
		return nil, err
	}
	rules := x.cfg.Policy
	if err := rules.CheckNetwork(o.network); err != nil {
		return nil, err
	}
	if o.mounts, err = rules.Mounts(p.GetContainer().GetMounts()); err != nil {
		return nil, err
	}
	asked := policy.Limits{MemoryBytes: p.GetLimits().GetMemoryBytes(), MilliCPUs: p.GetLimits().GetMilliCpus(), Processes: p.GetLimits().GetProcesses()}
	o.limits, err = rules.Limit(asked, policy.Limits{MemoryBytes: defaultMemory, Processes: defaultProcesses})
	return o, err
}

// chooseImage takes the job's image, or the operator's for the job's language. What
// the operator has chosen needs no leave of the policy.
func (x *Executor) chooseImage(o *order) error {
	named := o.payload.GetContainer().GetImage()
	language := o.payload.GetScript().GetLanguage()
	o.image = cmp.Or(named, x.cfg.Images[language], DefaultImages()[language])
	if o.image == "" {
		return ErrNoImage.With("The job names none, and there is none for the language %q", language)
	}
	o.builtIn = named == "" && x.cfg.Images[language] == ""
	ref, ok := image.Parse(o.image)
	if !ok {
		return ErrImage.With("%q is not the reference of an image", o.image)
	}
	o.ref = ref
	if named == "" {
		return nil
	}
	return x.cfg.Policy.CheckImage(named, ref)
}
