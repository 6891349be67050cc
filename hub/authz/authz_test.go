package authz_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
)

var (
	ours   = uuid.MustParse("00000000-0000-7000-8000-000000000001")
	theirs = uuid.MustParse("00000000-0000-7000-8000-000000000002")
	someID = uuid.MustParse("00000000-0000-7000-8000-00000000000f")
)

// The whole matrix, written by hand: a change of a role must change this table too.
var matrix = map[authz.Role]string{
	authz.Owner:    "project:read job:read job:edit job:run run:read run:cancel schedule:read schedule:edit host:read host:edit server:use server:edit project:edit variable:read variable:edit secret:read secret:edit token:edit terminal:read terminal:open terminal:observe",
	authz.Admin:    "project:read job:read job:edit job:run run:read run:cancel schedule:read schedule:edit host:read host:edit server:use server:edit project:edit variable:read variable:edit secret:read secret:edit token:edit terminal:read terminal:open terminal:observe",
	authz.Editor:   "project:read job:read job:edit job:run run:read run:cancel schedule:read schedule:edit host:read server:use variable:read variable:edit secret:read secret:edit token:edit",
	authz.Operator: "project:read job:read job:run run:read run:cancel schedule:read host:read variable:read secret:read token:edit",
	authz.Viewer:   "project:read job:read run:read schedule:read host:read variable:read secret:read token:edit",
	authz.Auditor:  "project:read job:read run:read schedule:read host:read variable:read secret:read token:edit terminal:read",
	"":             "token:edit",
	"superuser":    "token:edit",
}

func TestRolesMayExactlyWhatTheMatrixSays(t *testing.T) {
	for role, text := range matrix {
		may := strings.Fields(text)
		a := authz.Actor{UserID: someID, Roles: map[uuid.UUID]authz.Role{ours: role}}
		for _, action := range authz.Actions() {
			err := a.Check(action, ours)
			if want := slices.Contains(may, string(action)); (err == nil) != want {
				t.Errorf("%q.Check(%s) = %v, want permitted %v", role, action, err, want)
			}
			if err != nil && !errors.Is(err, authz.ErrForbidden) {
				t.Errorf("%q.Check(%s) = %v, want ErrForbidden", role, action, err)
			}
		}
	}
}

func TestRoleReachesNoOtherProject(t *testing.T) {
	a := authz.Actor{UserID: someID, Roles: map[uuid.UUID]authz.Role{ours: authz.Owner}}
	if a.Sees(theirs) || !a.Sees(ours) {
		t.Fatalf("Sees(theirs), Sees(ours) = %v, %v; want false, true", a.Sees(theirs), a.Sees(ours))
	}
	for _, action := range authz.Actions() {
		if action != authz.TokenEdit && a.Check(action, theirs) == nil {
			t.Errorf("an owner of another project may %s here", action)
		}
	}
}

func TestAdministratorMayEverythingButTheUnknown(t *testing.T) {
	a := authz.Actor{UserID: someID, Admin: true}
	for _, action := range authz.Actions() {
		if err := a.Check(action, theirs); err != nil {
			t.Errorf("Check(%s) = %v", action, err)
		}
	}
	if a.Check("job:explode", ours) == nil {
		t.Error("an unknown action was permitted")
	}
}

func TestNobodyMayNothing(t *testing.T) {
	for _, nobody := range []authz.Actor{{}, {Admin: true}, {Roles: map[uuid.UUID]authz.Role{ours: authz.Owner}}} {
		if nobody.Sees(ours) {
			t.Errorf("%+v sees a project", nobody)
		}
		for _, action := range authz.Actions() {
			if nobody.Check(action, ours) == nil {
				t.Errorf("%+v may %s", nobody, action)
			}
		}
	}
}

func TestParseRoleRefusesTheUnknown(t *testing.T) {
	if r, err := authz.ParseRole("editor"); r != authz.Editor || err != nil {
		t.Errorf("ParseRole(editor) = %v, %v", r, err)
	}
	for _, text := range []string{"", "Owner", "root"} {
		if _, err := authz.ParseRole(text); !errors.Is(err, authz.ErrUnknownRole) {
			t.Errorf("ParseRole(%q) = %v", text, err)
		}
	}
}
