package authz

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of permission.
var (
	ErrForbidden = problem.New("forbidden", http.StatusForbidden,
		"Not permitted", "Ask an owner of the project, or an administrator of this Cronium, for a role that may do this.")
	ErrUnknownRole = problem.New("authz.unknown_role", http.StatusUnprocessableEntity,
		"Unknown role", "Use owner, admin, editor, operator, viewer or auditor.")
)
