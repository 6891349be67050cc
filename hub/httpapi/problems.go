package httpapi

import (
	"net/http"
	"time"

	"github.com/cronium/cronium/sdk/problem"
)

// What the door itself can say. Rooms have their own catalogues.
var (
	ErrUnauthenticated = problem.New("unauthenticated", http.StatusUnauthorized,
		"Not signed in", "Sign in, or send an API token as `Authorization: Bearer cro_…`.")
	ErrTokenNeeded = problem.New("token_needed", http.StatusUnauthorized,
		"An API token is needed", "Send one as `Authorization: Bearer cro_…`; `cronium login` makes it.")
	ErrCrossOrigin = problem.New("cross_origin", http.StatusForbidden,
		"Request came from another site", "Open the hub under its own address; set --public-url when a proxy changes it.")
	ErrUnsupportedMediaType = problem.New("unsupported_media_type", http.StatusUnsupportedMediaType,
		"Unsupported media type", "Send the body as application/json.")
	ErrBodyTooLarge = problem.New("body_too_large", http.StatusRequestEntityTooLarge,
		"Body too large", "Send less.")
	ErrRange = problem.New("range_not_satisfiable", http.StatusRequestedRangeNotSatisfiable,
		"There is nothing in that range", "Ask for bytes that there are, or for all of them.")
	ErrBodyUnreadable = problem.New("body_unreadable", http.StatusBadRequest,
		"Body could not be read", "Send the request again.")
	ErrMalformedJSON = problem.New("malformed_json", http.StatusBadRequest,
		"Malformed JSON", "Send one JSON object.")
	ErrDuplicateKey = problem.New("duplicate_key", http.StatusBadRequest,
		"Duplicate key", "Say each key once.")
	ErrJSONTooComplex = problem.New("json_too_complex", http.StatusBadRequest,
		"JSON too complex", "Nest less and send fewer values.")
	ErrInvalidText = problem.New("invalid_text", http.StatusUnprocessableEntity,
		"Invalid text", "Send UTF-8 without the NUL character.")
	ErrOutOfRange = problem.New("out_of_range", http.StatusUnprocessableEntity,
		"Out of range", "Send a smaller value.")
	ErrUnknownField = problem.New("unknown_field", http.StatusUnprocessableEntity,
		"Unknown field", "Remove it, or check its spelling: names are case-sensitive.")
	ErrMissingField = problem.New("missing_field", http.StatusUnprocessableEntity,
		"Missing field", "Send it.")
	ErrInvalidField = problem.New("invalid_field", http.StatusUnprocessableEntity,
		"Invalid value", "See the field's description in /api/v1/openapi.json.")
	ErrInvalidParameter = problem.New("invalid_parameter", http.StatusUnprocessableEntity,
		"Invalid parameter", "See the parameter's description in /api/v1/openapi.json.")
	ErrNotFound = problem.New("not_found", http.StatusNotFound,
		"Not found", "Check the address.")
	ErrNoAttempt = problem.New("attempt_not_found", http.StatusNotFound,
		"No such attempt", "Leave the attempt out for the last one.")
	ErrFansOut = problem.New("run_fans_out", http.StatusConflict,
		"The run has no log of its own", "Read the log of its targets at …/log/targets, or that of one target's run.")
	ErrOneTarget = problem.New("run_has_one_target", http.StatusConflict,
		"The run does not fan out", "Read its log at …/log.")
	ErrMethodNotAllowed = problem.New("method_not_allowed", http.StatusMethodNotAllowed,
		"Method not allowed", "See the Allow header for those that are.")
	ErrUnknownHost = problem.New("unknown_host", http.StatusMisdirectedRequest,
		"Unknown host", "Use the hub's own address, or name this one with --public-url.")
	ErrTooManyRequests = problem.New("too_many_requests", http.StatusTooManyRequests,
		"Too many requests", "Wait as long as Retry-After says.")
	ErrStorageUnavailable = problem.New("storage_unavailable", http.StatusServiceUnavailable,
		"Database unavailable", "Try again in a few seconds; the hub reconnects by itself.").After(5 * time.Second)
	ErrInternal = problem.New("internal", http.StatusInternalServerError,
		"Internal error", "Quote the request id; the hub's log has the cause under it.")
	ErrNotReady = problem.New("not_ready", http.StatusServiceUnavailable,
		"Not ready", "Wait until the database answers and its migrations are applied.").After(time.Second)
	ErrVersionConflict = problem.New("version_conflict", http.StatusPreconditionFailed,
		"Changed by somebody else", "Load it again and repeat your change.")
	ErrSecretInSchedule = problem.New("secret_in_schedule", http.StatusUnprocessableEntity,
		"Secret input in a schedule", "Leave it out: a schedule's inputs are kept in clear. Give secrets when a run is started by hand.")
	ErrTooManySubscriptions = problem.New("too_many_subscriptions", http.StatusTooManyRequests,
		"Too many subscriptions", "Unsubscribe from something first.")
	ErrInvalidConsoleMessage = problem.New("invalid_console_message", http.StatusBadRequest,
		"Invalid message", `Send {"op":"hello","ticket":"…"} first, then bytes in binary messages, {"op":"resize","cols":80,"rows":24} or {"op":"close"}.`)
	ErrInvalidMessage = problem.New("invalid_message", http.StatusBadRequest,
		"Invalid message", `Send {"op":"sub","id":1,"topic":"run",…} or {"op":"unsub","id":1}.`)
)
