package callargs

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

// MaxRequest is how many bytes a request may have, without the end of its line.
const MaxRequest = 1<<20 + 64<<10

// Call is a command line, read.
type Call struct {
	Name    string
	Object  json.RawMessage            // the arguments as they were given together; or nil
	Args    map[string]json.RawMessage // those that were given one by one
	Raw     bool
	Member  string  // of the value; all of it if empty
	Default *string // what is printed for null; null if nil
}

// argument is KEY=TEXT or KEY:=JSON.
var argument = regexp.MustCompile(`(?s)^([a-z][a-z0-9_]*)(:?=)(.*)$`)

// Parse reads a command line. Of standard input it reads what the command line says,
// at most [MaxRequest]. Its errors are [ErrArgs] and [ErrTooLarge]; the [Call] that
// it returns with an error says how to show it.
func Parse(argv []string, stdin io.Reader) (Call, error) {
	c := Call{Args: map[string]json.RawMessage{}}
	for len(argv) > 0 && strings.HasPrefix(argv[0], "--") {
		if err := c.flag(argv[0], stdin); err != nil {
			return c, err
		}
		argv = argv[1:]
	}
	if len(argv) == 0 || argv[0] == "" || argv[0][0] == '-' {
		return c, ErrArgs.With("the call's name is missing")
	}
	c.Name = argv[0]
	for _, arg := range argv[1:] {
		if err := c.argument(arg, stdin); err != nil {
			return c, err
		}
	}
	if c.Object != nil && (len(argv) > 2 || len(c.Args) > 0) {
		return c, ErrArgs.With("a JSON object has to be all of the arguments")
	}
	return c, nil
}

func (c *Call) flag(arg string, stdin io.Reader) error {
	name, value, _ := strings.Cut(arg, "=")
	switch {
	case arg == "--raw":
		c.Raw = true
	case name == "--member" && value != "":
		c.Member = value
	case name == "--default":
		c.Default = &value
	case name == "--stdin" && value != "":
		text, err := read(stdin)
		if err != nil {
			return err
		}
		return c.setText(value, string(text))
	case name == "--stdin-json" && value != "":
		text, err := read(stdin)
		if err != nil {
			return err
		}
		return c.set(value, text)
	default:
		return ErrArgs.With("unknown flag %s", arg)
	}
	return nil
}

func (c *Call) argument(arg string, stdin io.Reader) error {
	switch {
	case arg == "-":
		text, err := read(stdin)
		if err != nil {
			return err
		}
		return c.object(text)
	case strings.HasPrefix(arg, "{"):
		return c.object([]byte(arg))
	}
	parts := argument.FindStringSubmatch(arg)
	switch {
	case parts == nil:
		return ErrArgs.With("%.100q is neither KEY=TEXT nor KEY:=JSON nor a JSON object", arg)
	case parts[2] == "=":
		return c.setText(parts[1], parts[3])
	default:
		return c.set(parts[1], []byte(parts[3]))
	}
}

// object takes all arguments, in the order in which they are.
func (c *Call) object(text []byte) error {
	if err := check("the object of arguments", text); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return ErrArgs.With("the arguments are not a JSON object")
	}
	c.Object = text
	return nil
}

func (c *Call) setText(key, text string) error {
	if !utf8.ValidString(text) {
		return ErrArgs.With("%s is not valid UTF-8", key)
	}
	return c.set(key, encode(text))
}

func (c *Call) set(key string, value []byte) error {
	if err := check(key, value); err != nil {
		return err
	}
	if _, twice := c.Args[key]; twice {
		return ErrArgs.With("%s is given twice", key)
	}
	c.Args[key] = value
	return nil
}

// check says what is wrong with a JSON text.
func check(what string, text []byte) error {
	switch {
	case !utf8.Valid(text):
		return ErrArgs.With("%s is not valid UTF-8", what)
	case !json.Valid(text):
		return ErrArgs.With("%s is not JSON: %.100q", what, text)
	}
	return nil
}

func read(stdin io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(stdin, MaxRequest+1))
	if err != nil {
		return nil, ErrArgs.With("read standard input: %v", err)
	}
	if len(text) > MaxRequest {
		return nil, tooLarge("standard input has more than")
	}
	return text, nil
}

func tooLarge(what string) *problem.Problem {
	return ErrTooLarge.With("%s %d bytes", what, MaxRequest)
}

// encode is v as compact JSON, with no character escaped that need not be.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("callargs: " + err.Error()) // strings and checked JSON only
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Request is the line that is sent, with its end. It returns [ErrTooLarge] if it is
// too long.
func (c Call) Request() ([]byte, error) {
	args := c.Object
	if args == nil {
		args = encode(c.Args)
	}
	line := encode(struct {
		Call string          `json:"call"`
		Args json.RawMessage `json:"args"`
	}{c.Name, args})
	if len(line) > MaxRequest {
		return nil, tooLarge("it has more than")
	}
	return append(line, '\n'), nil
}
