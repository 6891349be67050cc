package call

import (
	"bufio"
	"errors"
	"io"
	"net"

	"github.com/cronium/cronium/sdk/script/callargs"
)

// Main is `cronium-runner call`: it makes the one call that args name (see package
// callargs) on a socket and returns the code to exit with.
func Main(args []string, socket string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := client{socket: socket}
	defer c.close()
	return callargs.Main(args, stdin, stdout, stderr, c.ask)
}

// client is a connection to the runner, from the first request on.
type client struct {
	socket string
	conn   net.Conn
	lines  *bufio.Reader
}

// ask sends one line and reads one.
func (c *client) ask(line []byte) ([]byte, error) {
	if c.socket == "" {
		return nil, callargs.ErrNotInARun.With("CRONIUM_SOCKET is not set")
	}
	if c.conn == nil {
		conn, err := (&net.Dialer{}).Dial("unix", c.socket)
		if err != nil {
			return nil, callargs.ErrRunnerUnreachable.With("%v", err)
		}
		c.conn, c.lines = conn, bufio.NewReader(conn)
	}
	_, writeErr := c.conn.Write(line)
	text, err := c.lines.ReadBytes('\n') // also after a failed write: it may say why
	if err != nil {
		return nil, callargs.ErrRunnerUnreachable.With("%v", errors.Join(writeErr, err))
	}
	return text, nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
