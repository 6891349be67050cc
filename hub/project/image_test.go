package project_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/sdk/problem"
)

func TestAProjectAllowsTheImagesThatItsOwnersName(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := project.New(pgtest.New(t))
	p, err := store.EnsureDefault(ctx)
	if err != nil {
		t.Fatal(err)
	}
	as := func(role authz.Role) authz.Actor {
		return authz.Actor{UserID: uuid.New(), Roles: map[uuid.UUID]authz.Role{p.ID: role}}
	}
	check := func(allowed string, refused string) {
		t.Helper()
		for want, list := range map[bool]string{true: allowed, false: refused} {
			for _, image := range strings.Fields(list) {
				if err := store.CheckImage(ctx, p.ID, image); (err == nil) != want || err != nil && !errors.Is(err, project.ErrImageNotAllowed) {
					t.Errorf("CheckImage(%s) = %v, want allowed = %v", image, err, want)
				}
			}
		}
	}
	if list, err := store.Images(ctx, p.ID); err != nil || len(list) != 0 {
		t.Fatalf("Images = %q, %v; want none", list, err)
	}
	check("debian registry.example/team/a:1", "")

	want := []string{"registry.example/team/*", "debian"}
	if err := store.SetImages(ctx, as(authz.Owner), p.ID, want); err != nil {
		t.Fatal(err)
	}
	if list, err := store.Images(ctx, p.ID); err != nil || !slices.Equal(list, want) {
		t.Errorf("Images = %q, %v; want %q", list, err, want)
	}
	check("debian debian:12 registry.example/team/a:1", "ubuntu registry.example/other/a team/debian")
	if err := store.CheckImage(ctx, p.ID, ""); err != nil {
		t.Errorf("a job that names no image: %v", err)
	}
	if err := store.CheckImage(ctx, uuid.New(), "ubuntu"); err != nil {
		t.Errorf("in another project: %v", err)
	}

	for _, bad := range [][]string{{"debian:12"}, {""}, {"debian", "debian"}, make([]string, 201)} {
		if p, ok := problem.As(store.SetImages(ctx, as(authz.Owner), p.ID, bad)); !ok || p.Code != project.ErrImagePattern.Code || p.Field == "" {
			t.Errorf("SetImages(%d patterns, %.20q) = %v, want image_pattern_invalid", len(bad), bad, p)
		}
	}
	for _, role := range []authz.Role{authz.Editor, authz.Operator, authz.Viewer} {
		if err := store.SetImages(ctx, as(role), p.ID, nil); !errors.Is(err, authz.ErrForbidden) {
			t.Errorf("SetImages by a %s = %v, want ErrForbidden", role, err)
		}
	}
	check("debian", "ubuntu") // what was refused has changed nothing
	if err := store.SetImages(ctx, as(authz.Admin), p.ID, nil); err != nil {
		t.Fatal(err)
	}
	check("ubuntu", "")
}
