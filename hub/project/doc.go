// Package project owns projects, the spaces that everything else belongs to, and
// memberships: who is what in which project; and which images a project's jobs may
// name.
//
// It promises that the project "default" exists after [Store.EnsureDefault],
// however many hubs start at once, and that a project that an actor may not see
// is indistinguishable from one that does not exist.
//
// It refuses to know what lives in a project, and what a role may do (hub/authz).
package project
