// Package runner is the parent of one script: a process of its own that outlives
// the agent, so that agents may die, restart or be upgraded while scripts run.
//
// Its life: it reads the [runnerv1.Handover] from stdin, which it may wait for and
// which then names the attempt's directory, the payload from spec.bin
// in the attempt's directory (package journal), prepares the workspace, claims the
// attempt (`started`, exclusively), and only then starts the script. It reads the
// script's output, masks it, appends it to the log (package segment), keeps the
// deadline, takes orders on the unix socket `sock`, writes `exit` and ends.
//
// Promises:
//
//   - User code runs only after the claim was won, at most once.
//
//   - Packages that the script depends on are there before it starts: from an
//     environment that is whole, or installed now, by a user without rights, in the
//     script's groups and without anything of the job's. Its runner holds an
//     environment for as long as it lives (package environment). The script's timeout
//     begins with the script.
//
//   - Not a byte of output reaches the disk before it was masked. Secrets come
//     over stdin and are on no disk and no command line.
//
//   - Complete lines are in the log at once; the beginning of a line after 100 ms
//     at the latest, except what may be the beginning of a secret.
//
//   - At the deadline (on CLOCK_BOOTTIME) or a cancel, every process that descends
//     from the script gets SIGTERM, and SIGKILL after the grace, also one that made
//     itself a daemon: the runner is a child subreaper, and the tree is empty when
//     it has no child left.
//
//   - The script has ended when its main process has. What it left running gets
//     SIGTERM, 2 s, SIGKILL; what that wrote meanwhile is kept.
//
//   - Of a log beyond its limit the first part and the last 1 MiB are kept, with a
//     line that says what is missing. A full disk costs log, never the result.
//
//   - The script's processes, and no others, may use the runtime API on `call.sock`
//     (package call). A secret that they read is masked before they have it.
//
//   - What the attempt may use holds from the script's first instruction, and does
//     not hold for the runner, which outlives a script that takes all of it. The
//     workspace is measured once a second, or less often when that takes long.
//
// A script is killed when its runner dies (PDEATHSIG). The package knows neither
// hub nor network.
package runner
