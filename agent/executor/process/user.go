package process

import (
	"os"
	"os/user"
	"strconv"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// LookUp finds the user whom scripts run as; nil for an empty name.
func LookUp(name string) (*runnerv1.User, error) {
	if name == "" {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, ErrUser.With("only root may start scripts as %s", name)
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, ErrUser.With("%v", err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, ErrUser.With("groups of %s: %v", name, err)
	}
	out := &runnerv1.User{Name: u.Username}
	for _, id := range append([]string{u.Uid, u.Gid}, groups...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, ErrUser.With("user %s has the id %q", name, id)
		}
		out.Groups = append(out.Groups, uint32(n))
	}
	out.Uid, out.Gid, out.Groups = out.Groups[0], out.Groups[1], out.Groups[2:]
	return out, nil
}
