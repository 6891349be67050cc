package server

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of servers.
var (
	ErrNotFound = problem.New("server_not_found", http.StatusNotFound,
		"Server not found", "Check the name and the project; list them with: cronium servers")
	ErrName = problem.New("invalid_name", http.StatusUnprocessableEntity,
		"Name is not valid", "Use 1–64 lower-case letters, digits and hyphens; begin and end with a letter or digit.")
	ErrTaken = problem.New("server_exists", http.StatusConflict,
		"A server has this name", "Choose another name. An archived server keeps its name until it is removed.")
	ErrAddress = problem.New("server_address_invalid", http.StatusUnprocessableEntity,
		"Address is not valid", "Write it as HOST or HOST:PORT, the host an IP address or a DNS name; IPv6 with a port as [::1]:22.")
	ErrUser = problem.New("server_user_invalid", http.StatusUnprocessableEntity,
		"User is not valid", "Use a login name of at most 32 lower-case letters, digits and . _ - that begins with a letter or _.")
	ErrVia = problem.New("invalid_label", http.StatusUnprocessableEntity,
		"Label is not valid", "Write labels as key: value, the key of letters, digits and . _ / -, the value at most 128 characters.")
	ErrCredential = problem.New("server_credential_invalid", http.StatusUnprocessableEntity,
		"Credential is not valid", "Give exactly one: a password, a private key, or let the hub generate a key.")
	ErrFingerprint = problem.New("fingerprint_invalid", http.StatusUnprocessableEntity,
		"Fingerprint is not valid", "Write it as ssh-keygen -l prints it: SHA256: and 43 characters.")
	ErrJump = problem.New("server_jump_invalid", http.StatusUnprocessableEntity,
		"Jump server cannot be used", "Name a server of this project that is not archived; a way has at most 3 jump servers and no circle.")
	ErrArchived = problem.New("server_archived", http.StatusConflict,
		"Server is archived", "Restore it with a new credential, or let the job run elsewhere.")
	ErrNotArchived = problem.New("server_not_archived", http.StatusConflict,
		"Server is in use", "Archive it first; what is archived can be removed.")
	ErrNotTrusted = problem.New("host_key_unconfirmed", http.StatusConflict,
		"Host key is not confirmed", "Test the connection, compare the fingerprint with the server's own, and trust it.")
	ErrKeyMismatch = problem.New("host_key_mismatch", http.StatusConflict,
		"Server shows another host key", "If the server was reinstalled, compare the new fingerprint with the server's own and trust it; else somebody may be in between.")
	ErrNotOffered = problem.New("fingerprint_differs", http.StatusConflict,
		"Fingerprint is not that of the key shown", "Test the connection again and trust the fingerprint that it shows, if it is the server's own.")
	ErrJumpedThrough = problem.New("server_is_jump", http.StatusConflict,
		"Other servers are reached through it", "Give those servers another way first.")
)
