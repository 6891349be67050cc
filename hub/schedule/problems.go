package schedule

import (
	"net/http"

	"github.com/cronium/cronium/hub/schedule/cron"
	"github.com/cronium/cronium/sdk/problem"
)

// Problems of schedules. What is wrong with a text or a zone is said by
// [cron.ErrInvalid] and [cron.ErrZone].
var (
	ErrNotFound = problem.New("schedule_not_found", http.StatusNotFound,
		"Schedule not found", "Check the id and the project; the schedule may have been removed from its job.")
	ErrDefinition = problem.New("invalid_schedule", http.StatusUnprocessableEntity,
		"Schedule is not valid", "Correct the field and apply the job again.")
	ErrCursor = problem.New("invalid_cursor", http.StatusUnprocessableEntity,
		"Cursor is not valid", "Use next_cursor of the page before, or none for the first page.")
)

// Catalogue lists every problem of the room, for the golden test.
var Catalogue = append([]*problem.Problem{ErrNotFound, ErrDefinition, ErrCursor}, cron.Catalogue...)
