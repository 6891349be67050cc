// Package dependency says what a job may write in spec.dependencies: packages of
// Python or Node, by name and version. Hubs and the CLI check it when a job is put,
// runners again before an installer sees it.
//
//	python   requests==2.32.3   psycopg[binary]>=3.1,<4   tomli>=2; python_version < "3.11"
//	node     left-pad@1.3.0     @scope/name@^2.1.0        left-pad@latest
//
// Only that: no options, no paths, no addresses. An entry therefore can make an
// installer do nothing but look for a package where the host's operator lets it.
//
// It is pure: it knows no installer, no jobs and no hosts.
package dependency
