// Package process runs attempts as processes of the agent's host: one
// cronium-runner each, in a session of its own, so that they survive the agent.
//
// What happens to an attempt is read off its directory, never asked for: inotify
// tells when to look, and once a second we look anyway. Only cancelling talks to
// the runner, over its socket. Everything else therefore works the same for an
// attempt that was started by this process, by an earlier one, or that ended while
// no agent ran.
//
// Every script is in control groups of its own where the host has them (package
// cgroup), with what its job may use or the host's default, and may have a user of
// its own ([Users]). What a job asks for and the host cannot enforce, or does not
// allow, is refused before anything runs.
//
//	job's limit ─▶ above the host's most: limit_too_high
//	            ─▶ no controller for it:  limit_unsupported
//	no limit    ─▶ the host's default, or its most, or none
//
// If a runner dies without a result (killed by hand or by the kernel), what is in
// the attempt's groups, belongs to its user or carries its workspace in the
// environment is killed, and the attempt ends as an infrastructure failure. Groups
// without an attempt are ended every 30 s. The package does not know the hub.
package process
