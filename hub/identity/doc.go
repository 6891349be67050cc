// Package identity owns who people are: users, their passwords, sessions and API
// tokens, and the first administrator of a new installation.
//
// It promises:
//   - nothing that opens a door is stored: passwords as argon2id, session ids,
//     tokens and the setup code as SHA-256 of 80 random bits or more;
//   - an unknown account and a wrong password look alike, in words and in time;
//   - guessing is bounded before a password is hashed, however many guess at once:
//     a login counts as failed from the moment it is tried until it succeeds.
//     Ten failures in fifteen minutes block an account for a minute, each further
//     one doubles that up to an hour; thirty in a minute block an address (IPv6: its
//     /64). Without a database nobody gets in;
//   - at most four hashes at once and fifty waiting, else [ErrBusy];
//   - the setup code works once, also for a hundred callers at the same time;
//   - a malformed token costs no query: it carries a checksum.
//
// Sessions end after 12 idle hours and after 7 days. All methods may be called
// concurrently. It refuses to know what an actor may do (hub/authz) and how
// cookies and headers look; a door does that.
package identity
