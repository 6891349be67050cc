package cron

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The catalogue: what can be wrong with the text or the zone of a schedule.
var (
	ErrInvalid = problem.New("invalid_schedule", http.StatusUnprocessableEntity,
		"Schedule is not valid",
		`Write five fields such as "15 2 * * *" (minute hour day month weekday), six with seconds first, "@every 5m" or "@at 2026-12-01T09:00:00".`)

	ErrZone = problem.New("unknown_timezone", http.StatusUnprocessableEntity,
		"Unknown time zone",
		`Use a name of the time zone database such as "Europe/Berlin", or "UTC".`)
)

// Catalogue lists every problem of the package, for the golden test.
var Catalogue = []*problem.Problem{ErrInvalid, ErrZone}

func invalid(format string, args ...any) error {
	return ErrInvalid.With(format, args...).At("cron")
}
