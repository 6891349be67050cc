// Package definition reads definition files: the YAML in which people keep their
// jobs.
//
// It promises: strictness (an unknown key, a wrong type or a key said twice is an
// error, never a guess), every finding at once with its file, line and column,
// and bounds on hostile files (1 MiB, depth 32, 20,000 values after aliases are
// expanded). A `file:` is read relative to its YAML and cannot leave that
// directory, not even by a symbolic link. What it accepts, the published JSON
// Schema accepts ([Schema]), and the other way round but for what a schema cannot
// say: that a file exists, that a duration is in range, that a name is unique.
//
// It does not know cron or hosts: the hub checks those.
package definition
