// Package script is what scripts in bash, Python and Node get to talk to their run,
// without an import and without an installation: the files that [Install] writes
// and the environment by which [Environ] lets the interpreters find them.
//
//	python   PYTHONPATH    sitecustomize.py makes the name `cronium` a builtin
//	node     NODE_OPTIONS  preload.cjs makes it a global, for CommonJS and ESM
//	bash     BASH_ENV      cronium.bash defines it as a function
//
// All three speak the runtime API over the runner's unix socket, and make the same
// requests: that is what testdata/golden.txt holds them to. Bash does it by way of
// `cronium-runner call` (package callargs); so do all three when a file is moved.
//
// Promises:
//   - A script that does not use the name pays for defining it only: nothing is
//     connected, nothing else is loaded. Its arguments, file name and tracebacks
//     are as without us.
//   - Values keep their types, integers of any size included. What JSON cannot say
//     is refused by the helper before anything is sent.
//   - A call that has returned has happened. A call is never sent twice: when the
//     connection is lost the script is told that nobody knows.
//   - What the host or the job has set in the three variables stays in effect:
//     ours goes before it, or leads to it.
//   - What a helper says without an answer of the runner are the problems of package
//     callargs, word for word the same in the three languages.
//
// Types for editors are in python/cronium.pyi and node/cronium.d.ts; scripts do not
// need them, so they are not installed. The page for authors is docs/scripts.md,
// whose examples are run by a test.
//
// The package knows neither runner nor hub.
package script
