// Package service makes the agent a service of systemd: one unit, written from the
// template beside this file.
//
// It promises that scripts outlive the service (KillMode=process), and that removing
// it leaves no unit behind. It refuses to know what an agent does, and other service
// managers: for those it says what they have to start.
package service
