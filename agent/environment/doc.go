// Package environment keeps what the dependencies of scripts were installed into:
// directories named by a hash of everything that their content depends on, each built
// once, never changed, used by any number of scripts at once, and removed when they
// are old or too many.
//
//	DIR/KEY/            an environment, whole, that only its owner could change
//	DIR/KEY/about.json  what it is (see [About])
//	DIR/KEY.lock        shared by who uses it, exclusive for who builds or removes it;
//	                    its time is that of the last use
//	DIR/.build-KEY-…/   being built
//	DIR/.gone-KEY-…/    being removed
//
//	absent ──exclusive lock──▶ being built ──seal, rename──▶ whole ──exclusive lock──▶ gone
//	   ▲                            │ failed, or killed         │ shared locks: in use
//	   └────────────────────────────┘                           ▼
//
// Runners use and build, the agent cleans: processes that know nothing of each other
// but the locks, which the kernel takes back from whoever dies. A directory gets its
// name by one rename, after every process that wrote into it has ended and it was
// taken from their user, so what has the name is whole whatever was killed before.
//
// It knows no installer and no scripts.
package environment
