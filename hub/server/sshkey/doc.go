// Package sshkey reads and makes the keys of servers: it generates key pairs,
// judges private keys that people paste, and tells the fingerprint of a host key.
// It is the hub's only user of the SSH library, and it never connects anywhere.
//
// Everything it reads is bounded: a key of a stranger costs no more than a moment.
package sshkey
