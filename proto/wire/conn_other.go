//go:build !linux

package wire

import "net"

// Other systems have no TCP_USER_TIMEOUT; heartbeats notice a dead link there.
func setUserTimeout(*net.TCPConn) error { return nil }
