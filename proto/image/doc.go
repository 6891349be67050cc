// Package image is what the reference of a container image means, and which of
// them a pattern allows. Hub and agent each hold jobs against a list of patterns,
// so they must read both in the same way.
//
//	debian                  docker.io/library/debian:latest
//	team/app:1              docker.io/team/app:1
//	registry.example/app    registry.example/app:latest
//
// The first part is a registry if it has a dot or a colon or is "localhost". A
// pattern is a repository, registry included, without tag: `*` stands for anything
// within one part, at the end after a slash for everything below, and alone for
// every image. The package knows no engine and no registry.
package image
