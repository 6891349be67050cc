package call

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

// MaxRequest is how long a line may be: a value of 1 MiB and what is around it.
const MaxRequest = 1<<20 + 64<<10

// maxDiscard is how much of a line that is too long is read away, so that its
// sender comes to read the answer.
const maxDiscard = 64 << 20

type request struct {
	Call string          `json:"call"`
	Args json.RawMessage `json:"args"`
}

type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error *fault          `json:"error,omitempty"`
}

// fault is a problem as scripts see it.
type fault struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

func faultOf(p *problem.Problem) *fault {
	return &fault{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
}

// readLine returns the next line without its end, or [ErrTooLarge].
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxRequest {
			return nil, tooLarge(r, err)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return line[:len(line)-1], nil
	}
}

func tooLarge(r *bufio.Reader, err error) error {
	for n := 0; errors.Is(err, bufio.ErrBufferFull) && n < maxDiscard; {
		var part []byte
		part, err = r.ReadSlice('\n')
		n += len(part)
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	return ErrTooLarge.With("it has more than %d bytes", MaxRequest)
}

func parse(line []byte) (request, *problem.Problem) {
	var in request
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if !utf8.Valid(line) {
		return in, ErrRequest.With("it is not UTF-8")
	}
	if err := dec.Decode(&in); err != nil {
		return in, ErrRequest.With("%v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return in, ErrRequest.With("there is something behind the object")
	}
	if len(in.Args) == 0 || string(in.Args) == "null" {
		in.Args = json.RawMessage("{}")
	}
	if in.Args[0] != '{' {
		return in, ErrArgs.With("args must be an object")
	}
	return in, nil
}

// Decode reads the arguments of a call, which must be those of v and no others.
func Decode(args []byte, v any) *problem.Problem {
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return ErrArgs.With("%v", err)
	}
	return nil
}

// Null is the value of calls that have nothing to say.
var Null = []byte("null")
