package sshkey

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of keys.
var (
	ErrKey = problem.New("ssh_key_invalid", http.StatusUnprocessableEntity,
		"Private key cannot be used", "Paste the whole file that ssh-keygen wrote, from BEGIN to END: Ed25519, ECDSA, or RSA from 2048 bits.")
	ErrPassphrase = problem.New("ssh_passphrase_wrong", http.StatusUnprocessableEntity,
		"Passphrase does not open the key", "Give the passphrase that the key was protected with.")
	ErrHostKey = problem.New("host_key_invalid", http.StatusUnprocessableEntity,
		"Host key cannot be read", "Test the connection again; if it stays, upgrade the agent.")
)
