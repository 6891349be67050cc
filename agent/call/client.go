package call

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/cronium/cronium/sdk/problem"
)

const usageText = `usage: cronium-runner call NAME [ARGS_JSON]

Makes one call of the run's API and prints its value as JSON.
ARGS_JSON is an object; - reads it from standard input.
`

// How the command ends.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is `cronium-runner call`: it makes the one call that args name on a socket
// and returns the code to exit with. The value goes to stdout, a problem as one line
// of JSON to stderr.
func Main(args []string, socket string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "--help" {
		fmt.Fprint(stdout, usageText)
		return exitDone
	}
	line, err := lineOf(args, stdin)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n%s", err, usageText)
		return exitUsage
	}
	value, p := ask(socket, line)
	if p != nil {
		text, _ := json.Marshal(faultOf(p)) // strings
		fmt.Fprintf(stderr, "%s\n", text)
		return exitFailed
	}
	if _, err := fmt.Fprintf(stdout, "%s\n", value); err != nil {
		return exitFailed
	}
	return exitDone
}

// lineOf is the request that the arguments ask for.
func lineOf(args []string, stdin io.Reader) ([]byte, error) {
	if len(args) < 1 || len(args) > 2 || args[0] == "" || args[0][0] == '-' {
		return nil, errors.New("give the name of a call and, if it has some, its arguments")
	}
	given := []byte("{}")
	if len(args) == 2 {
		given = []byte(args[1])
	}
	if string(given) == "-" {
		var err error
		if given, err = io.ReadAll(io.LimitReader(stdin, MaxRequest+1)); err != nil {
			return nil, fmt.Errorf("read the arguments: %w", err)
		}
		if len(given) > MaxRequest { // the rest of it is not read, so it is no JSON
			return bytes.Repeat([]byte(" "), MaxRequest+1), nil
		}
	}
	line, err := json.Marshal(request{Call: args[0], Args: given})
	if err != nil {
		return nil, errors.New("the arguments are not JSON")
	}
	return line, nil
}

// ask sends one line and reads one.
func ask(socket string, line []byte) (json.RawMessage, *problem.Problem) {
	if socket == "" {
		return nil, ErrNoRun.With("CRONIUM_SOCKET is not set")
	}
	conn, err := (&net.Dialer{}).Dial("unix", socket)
	if err != nil {
		return nil, ErrNoAnswer.With("%v", err)
	}
	defer func() { _ = conn.Close() }()
	_, writeErr := conn.Write(append(line, '\n'))
	text, err := bufio.NewReader(conn).ReadBytes('\n') // also after a failed write: it may say why
	if err != nil {
		return nil, ErrNoAnswer.With("%v", errors.Join(writeErr, err))
	}
	var out answer
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, ErrNoAnswer.With("it answered something that is no JSON: %v", err)
	}
	if e := out.Error; e != nil {
		return nil, &problem.Problem{Code: e.Code, Title: e.Title, Detail: e.Detail, Hint: e.Hint}
	}
	return out.Value, nil
}
