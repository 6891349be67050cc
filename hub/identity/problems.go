package identity

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of identity.
var (
	ErrUnauthenticated = problem.New("unauthenticated", http.StatusUnauthorized,
		"Not signed in", "Sign in, or send a valid API token as Authorization: Bearer cro_…")
	ErrLogin = problem.New("identity.wrong_credentials", http.StatusUnauthorized,
		"E-mail or password is wrong", "Check both; an administrator can reset your password.")
	ErrTooManyAttempts = problem.New("identity.too_many_attempts", http.StatusTooManyRequests,
		"Too many failed logins", "Wait for the time given, then try again.")
	ErrBusy = problem.New("identity.busy", http.StatusTooManyRequests,
		"Too many logins at once", "Try again in a few seconds.")
	ErrEmail = problem.New("identity.bad_email", http.StatusUnprocessableEntity,
		"Not an e-mail address", "Write it as name@example.org, with ASCII characters only, at most 254 of them.")
	ErrPassword = problem.New("identity.bad_password", http.StatusUnprocessableEntity,
		"Password cannot be used", "Use 12 to 256 bytes that are hard to guess: a few random words do well.")
	ErrName = problem.New("identity.bad_name", http.StatusUnprocessableEntity,
		"Name cannot be used", "Use 1 to 100 printable characters.")
	ErrSetupCode = problem.New("identity.wrong_setup_code", http.StatusForbidden,
		"Setup code is wrong", "Use the code that the hub printed when it last started; start it again for a new one.")
	ErrSetupDone = problem.New("identity.already_set_up", http.StatusConflict,
		"Already set up", "Sign in with the administrator's e-mail and password.")
	ErrTokenExpired = problem.New("identity.token_expired", http.StatusUnauthorized,
		"API token has expired", "Create a new one under Settings → API tokens, or with `cronium login`.")
	ErrTokenNotFound = problem.New("identity.token_not_found", http.StatusNotFound,
		"API token not found", "It may have been revoked already; list your tokens to see the ids.")
	ErrTokenNameTaken = problem.New("identity.token_name_taken", http.StatusConflict,
		"You have a token of that name", "Choose another name, or revoke the old token first.")
	ErrTooManyTokens = problem.New("identity.too_many_tokens", http.StatusConflict,
		"Too many API tokens", "Revoke tokens that you no longer use; a user may have 100.")
	ErrTokenLifetime = problem.New("identity.bad_token_lifetime", http.StatusUnprocessableEntity,
		"Lifetime cannot be used", "Choose between one minute (1m) and one year (8760h).")
	ErrTokenByToken = problem.New("identity.token_by_token", http.StatusForbidden,
		"A token cannot create tokens", "Sign in with your password to create an API token.")
)
