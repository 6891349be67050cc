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
	return callargs.Main(args, stdin, stdout, stderr, func(line []byte) ([]byte, error) { return ask(socket, line) })
}

// ask sends one line and reads one.
func ask(socket string, line []byte) ([]byte, error) {
	if socket == "" {
		return nil, callargs.ErrNotInARun.With("CRONIUM_SOCKET is not set")
	}
	conn, err := (&net.Dialer{}).Dial("unix", socket)
	if err != nil {
		return nil, callargs.ErrRunnerUnreachable.With("%v", err)
	}
	defer func() { _ = conn.Close() }()
	_, writeErr := conn.Write(line)
	text, err := bufio.NewReader(conn).ReadBytes('\n') // also after a failed write: it may say why
	if err != nil {
		return nil, callargs.ErrRunnerUnreachable.With("%v", errors.Join(writeErr, err))
	}
	return text, nil
}
