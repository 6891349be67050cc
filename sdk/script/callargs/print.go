package callargs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cronium/cronium/sdk/problem"
)

// Exit codes.
const (
	ok     = 0
	failed = 1 // the call
	usage  = 2 // of the command line
)

// failure is an error as the runtime API has it.
type failure struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// Main makes the call that the command line says and returns the exit code. ask
// sends a line and returns the line that answers it. An error that is no problem
// counts as [ErrRunnerUnreachable].
func Main(argv []string, stdin io.Reader, stdout, stderr io.Writer, ask func(request []byte) ([]byte, error)) int {
	c, err := Parse(argv, stdin)
	if errors.Is(err, ErrArgs) {
		c.Raw = true // who writes it wrongly is a person
		c.complain(stderr, err)
		return usage
	}
	var value json.RawMessage
	if err == nil {
		value, err = c.exchange(ask)
	}
	if err == nil {
		value, err = c.Output(value)
	}
	if err != nil {
		c.complain(stderr, err)
		return failed
	}
	if _, err := stdout.Write(value); err != nil {
		fmt.Fprintf(stderr, "error: write the value: %v\n", err)
		return failed
	}
	return ok
}

// asker sends a line and returns the line that answers it.
type asker func(request []byte) ([]byte, error)

func (c Call) exchange(ask asker) (json.RawMessage, error) {
	if f := files[c.Name]; f != nil {
		return json.RawMessage("null"), f(c, ask)
	}
	return c.send(ask)
}

func (c Call) send(ask asker) (json.RawMessage, error) {
	line, err := c.Request()
	if err != nil {
		return nil, err
	}
	if line, err = ask(line); err != nil {
		return nil, err
	}
	var answer struct {
		Value json.RawMessage `json:"value"`
		Error *failure        `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if e := answer.Error; e != nil {
		return nil, &problem.Problem{Code: e.Code, Title: e.Title, Detail: e.Detail, Hint: e.Hint}
	}
	return answer.Value, nil
}

// Output is what is printed of a value.
func (c Call) Output(value json.RawMessage) ([]byte, error) {
	if c.Member != "" {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, ErrArgs.With("%s gives no object that could have a member %s", c.Name, c.Member)
		}
		value = members[c.Member]
	}
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	isNull := bytes.Equal(value, []byte("null"))
	var text string
	switch {
	case isNull && c.Default != nil:
		return []byte(*c.Default + "\n"), nil
	case isNull && c.Raw:
		return nil, nil
	case c.Raw && json.Unmarshal(value, &text) == nil:
		return []byte(text + "\n"), nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}

// complain shows an error.
func (c Call) complain(to io.Writer, err error) {
	p, isProblem := problem.As(err)
	if !isProblem {
		p = ErrRunnerUnreachable.With("%v", err)
	}
	if !c.Raw {
		fmt.Fprintf(to, "%s\n", encode(failure{p.Code, p.Title, p.Detail, p.Hint}))
		return
	}
	fmt.Fprintf(to, "error: %s\n", p.Error())
	if p.Hint != "" {
		fmt.Fprintf(to, "hint: %s\n", p.Hint)
	}
}
