// Package installer puts packages into a directory: a program that runners start as
// a user without rights, for the dependencies of a script, before the script.
//
//	python   python3 -I -m pip install --target TARGET/python …
//	node     npm install --prefix TARGET …    (TARGET/node_modules)
//
// pip needs no ensurepip and no venv that way, minds no externally managed host, and
// what it installs may be moved. Where packages come from is what pip and npm find in
// their environment and the host's configuration; or a wheelhouse, and then nothing
// else. pip knows those. For npm, which does not, the directory is served as a
// registry on loopback for as long as the installation takes.
//
// Unless builds are allowed, an installation runs no code of the packages: pip takes
// wheels alone, npm runs no scripts. Deadline, limits, cancelling and the log are the
// runner's; see its package for who decides that an environment is whole.
package installer
