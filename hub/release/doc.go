// Package release is what a hub hands out: the programs of agents for every
// platform, and the script that installs them. The programs lie in one directory,
// which `make release` fills:
//
//	VERSION                      one line: the version of all of them
//	SHA256SUMS                   as sha256sum writes it
//	cronium-agent-linux-amd64    and so on: PROGRAM-OS-ARCH
//	cronium-runner-linux-amd64
//
// It promises that no name leads to a file that SHA256SUMS does not list, and none
// out of the directory. The directory is read anew for every question, so it can be
// replaced while the hub runs. It may be missing: then every answer is [ErrNone].
//
// It refuses to know who asks. Whoever installs a program checks its sum; an agent
// that upgrades itself checks the hub's signature as well (hub/fleet, proto/payload).
package release
