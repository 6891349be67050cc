package authz

import (
	"slices"

	"github.com/google/uuid"
)

// Role is what a person is in a project.
type Role string

// The built-in roles.
const (
	Owner    Role = "owner"
	Admin    Role = "admin"
	Editor   Role = "editor"
	Operator Role = "operator"
	Viewer   Role = "viewer"
	Auditor  Role = "auditor"
)

// Action is a verb on a kind of thing.
type Action string

// The actions. Those that begin with instance: concern no project, nor do tokens,
// of which everybody has their own.
const (
	ProjectRead     Action = "project:read"
	ProjectEdit     Action = "project:edit"
	JobRead         Action = "job:read"
	JobEdit         Action = "job:edit"
	JobRun          Action = "job:run"
	RunRead         Action = "run:read"
	RunCancel       Action = "run:cancel"
	ScheduleRead    Action = "schedule:read"
	ScheduleEdit    Action = "schedule:edit"
	HostRead        Action = "host:read"
	HostEdit        Action = "host:edit"
	ServerUse       Action = "server:use"
	ServerEdit      Action = "server:edit"
	VariableRead    Action = "variable:read"
	VariableEdit    Action = "variable:edit"
	SecretRead      Action = "secret:read" // names, never values
	SecretEdit      Action = "secret:edit"
	TokenEdit       Action = "token:edit"
	TerminalRead    Action = "terminal:read"    // the record of who had a console where
	TerminalOpen    Action = "terminal:open"    // a console of one's own
	TerminalObserve Action = "terminal:observe" // watch somebody else's
	InstanceRead    Action = "instance:read"
	InstanceAdmin   Action = "instance:admin"
)

var (
	reading   = []Action{ProjectRead, JobRead, RunRead, ScheduleRead, HostRead, VariableRead, SecretRead}
	operating = slices.Concat(reading, []Action{JobRun, RunCancel})
	editing   = slices.Concat(operating, []Action{JobEdit, ScheduleEdit, ServerUse, VariableEdit, SecretEdit})
	owning    = slices.Concat(editing, []Action{HostEdit, ServerEdit, ProjectEdit, TerminalRead, TerminalOpen, TerminalObserve})
	auditing  = slices.Concat(reading, []Action{TerminalRead})
)

var granted = map[Role][]Action{
	Owner: owning, Admin: owning, Editor: editing, Operator: operating, Viewer: reading, Auditor: auditing,
}

// Actions returns every action, for a test that walks them.
func Actions() []Action {
	return slices.Concat(owning, []Action{TokenEdit, InstanceRead, InstanceAdmin})
}

// ParseRole accepts the built-in roles only.
func ParseRole(text string) (Role, error) {
	if _, ok := granted[Role(text)]; !ok {
		return "", ErrUnknownRole.With("%q is not a role", text)
	}
	return Role(text), nil
}

// Actor is somebody who asks, with all that a decision needs. The zero Actor is
// nobody and may do nothing.
type Actor struct {
	UserID  uuid.UUID
	Email   string
	Name    string
	Admin   bool               // administrator of the instance: everything, everywhere
	Roles   map[uuid.UUID]Role // by project
	TokenID string             // set when an API token acts for the user
}

// Check returns nil when the actor may do this in the project, else
// [ErrForbidden]. Actions on tokens and on the instance ignore the project.
func (a Actor) Check(action Action, project uuid.UUID) error {
	switch {
	case a.UserID == uuid.Nil:
		return ErrForbidden.With("Needs permission %s", action)
	case !slices.Contains(Actions(), action):
		return ErrForbidden.With("Needs permission %s, which nobody has", action)
	case a.Admin, action == TokenEdit:
		return nil
	case action == InstanceRead, action == InstanceAdmin:
		return ErrForbidden.With("Needs permission %s", action)
	case slices.Contains(granted[a.Roles[project]], action):
		return nil
	}
	return ErrForbidden.With("Needs permission %s in this project", action)
}

// Sees reports whether the actor may know that the project exists.
func (a Actor) Sees(project uuid.UUID) bool {
	if a.UserID == uuid.Nil {
		return false
	}
	return a.Admin || len(granted[a.Roles[project]]) > 0
}
