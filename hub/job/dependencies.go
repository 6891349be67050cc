package job

import (
	"fmt"
	"strings"

	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/problem"
)

// normaliseDependencies checks what the script depends on, and that it runs where
// that can be installed.
func normaliseDependencies(s Spec) ([]string, error) {
	switch {
	case len(s.Dependencies) == 0:
		return nil, nil
	case s.Container != nil:
		return nil, ErrDependencies.With("The job has dependencies and a container").
			Hinted("Use an image that has the packages, or remove spec.container.").At("spec.dependencies")
	case len(s.Target.All()) > 0:
		return nil, ErrDependencies.With("The job has dependencies and runs on %s", strings.Join(s.Target.All(), ", ")).
			Hinted("Install the packages on them, or choose a host by labels.").At("spec.dependencies")
	}
	sorted, at, err := dependency.Check(s.Language(), s.Dependencies)
	if p, ok := problem.As(err); ok {
		field := "spec.dependencies"
		if at >= 0 {
			field = fmt.Sprintf("spec.dependencies[%d]", at)
		}
		return nil, p.At(field)
	}
	return sorted, err
}
