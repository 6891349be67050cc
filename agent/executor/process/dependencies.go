package process

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/cronium/cronium/agent/runner"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// installerPatience is how long pip may take to say that it is there.
const installerPatience = 30 * time.Second

// CanInstall says why packages of a language cannot be installed for scripts of that
// user; nil if they can. The interpreter is the one that those scripts get.
func CanInstall(ctx context.Context, language string, user *runnerv1.User) error {
	program := map[string]string{"python": "python3", "node": "node"}[language]
	path, _ := runner.Find(program, user)
	if path == "" {
		return fmt.Errorf("%s is not on the search path, or closed to scripts", program)
	}
	if language == "node" {
		if npm, _ := runner.Find("npm", user); npm == "" {
			return fmt.Errorf("npm is not on the search path, or closed to scripts")
		}
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, installerPatience)
	defer stop()
	out, err := exec.CommandContext(ctx, path, "-I", "-m", "pip", "--version").CombinedOutput() //nolint:gosec // the host's own
	if err != nil {
		return fmt.Errorf("%s has no pip: %s", path, strings.TrimSpace(string(out)))
	}
	return nil
}

// Newcomer is a user as attempts get one, to ask what it may do.
func (u *Users) Newcomer() *runnerv1.User {
	return &runnerv1.User{Uid: u.first, Gid: u.first, Name: scriptName, NoNewPrivileges: true}
}
