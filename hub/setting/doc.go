// Package setting owns what this installation is: one row, with an id that never
// changes. It promises that any number of hubs that start at once agree on that
// id. It refuses to know secrets; those are sealed by hub/secret.
package setting
