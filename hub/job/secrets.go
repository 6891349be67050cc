package job

import (
	"regexp"
	"slices"
)

// maxSecrets that a job may read.
const maxSecrets = 32

var secretRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// normaliseSecrets checks the names of the secrets that a job may read, and sorts
// them. Whether they exist is asked when they are read: a secret may come later.
func normaliseSecrets(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	if len(names) > maxSecrets {
		return nil, ErrSecrets.With("%d secrets, at most %d are allowed", len(names), maxSecrets).At("spec.secrets")
	}
	for _, name := range names {
		if !secretRE.MatchString(name) {
			return nil, ErrSecrets.With("%q is not the name of a secret", cut(name)).At("spec.secrets")
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}
