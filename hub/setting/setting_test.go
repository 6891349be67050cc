package setting_test

import (
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/setting"
)

func TestHubsThatStartAtOnceAgreeWhoTheyAre(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var group errgroup.Group
	ids := make([]uuid.UUID, 20)
	for i := range ids {
		group.Go(func() error {
			instance, err := setting.New(db).Instance(t.Context())
			ids[i] = instance.ID
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id != ids[0] || id == uuid.Nil {
			t.Fatalf("ids = %v, want twenty equal ones", ids)
		}
	}
}
