// Package secret seals values so that whoever reads the database, or a backup of
// it, reads nothing.
//
// Every value is encrypted with a key of its own (AES-256-GCM), and that key is
// wrapped by the key-encryption key, a file that is never in the database. The
// caller names what the value is (instance, table, id, column) as additional
// data; a sealed value that was moved to another row does not open.
//
//	1 version | 8 id of the KEK | 12+32+16 wrapped key | 12 nonce | ciphertext + 16
//
// It promises that [Keys] may be used concurrently, that a value sealed twice
// looks different, and that a [Text] cannot be printed by accident. Rooms that have
// something to hide keep their own sealed bytes.
//
// The secrets that people give to a project are kept here ([Store]): a name and a
// sealed value, which [Store.Read] opens for one attempt of a run and for nobody else.
// Who has read which secret, and when last, is kept for 90 days after that. Which
// secrets an attempt may read is not known here.
package secret
