// Package local attends attempts whose runner works in a directory of this host,
// whoever started it: a process, or a container that has the directory mounted.
//
// What happens to an attempt is read off its directory, never asked for: inotify
// tells when to look, and once a second we look anyway. Only cancelling talks to
// the runner, over its socket. Everything else therefore works the same for an
// attempt that was started by this process, by an earlier one, or that ended while
// no agent ran.
//
// It does not know how a runner is started. Whoever does tells it through [Runner]
// whether the runner is still there, and clears up after one that died.
package local
