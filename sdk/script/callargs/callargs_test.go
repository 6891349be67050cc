package callargs_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/script/callargs"
)

func TestACommandLineBecomesARequest(t *testing.T) {
	big := strings.Repeat("ü", 500_000)
	for _, c := range []struct {
		name, stdin, want string
		argv              []string
	}{
		{"nothing", "", `{"call":"run.facts","args":{}}`, []string{"run.facts"}},
		{"an object", "", `{"call":"c","args":{"b":[2],"a":1}}`, []string{"c", "{ \"b\": [2],\n\"a\": 1 }"}},
		{"an object from stdin", " {\"a\":\n1}\n", `{"call":"c","args":{"a":1}}`, []string{"c", "-"}},
		{"text", "", `{"call":"c","args":{"a":"x=y","b":"","c":"-","d":"{}"}}`, []string{"c", "a=x=y", "b=", "c=-", "d={}"}},
		{"any text", "", `{"call":"c","args":{"a":"\"\\\n\t\u0001<&>é` + "\u007f" + `\u2028😀"}}`, []string{"c", "a=\"\\\n\t\x01<&>é\x7f\u2028😀"}},
		{"JSON", "", `{"call":"c","args":{"a":null,"b":[1,{"x":" "}]}}`, []string{"c", "a:=null", "b:= [1,\n {\"x\" : \" \"}]"}},
		{"numbers as they are", "", `{"call":"c","args":{"a":1.10,"b":123456789012345678901234567890,"c":1E+2,"d":-0}}`, []string{"c", "a:=1.10", "b:=123456789012345678901234567890", "c:=1E+2", "d:=-0"}},
		{"text from stdin", "a\n\"b\"\n", `{"call":"c","args":{"k":"v","t":"a\n\"b\"\n"}}`, []string{"--raw", "--stdin=t", "c", "k=v"}},
		{"JSON from stdin", "[1,\n2]\n", `{"call":"c","args":{"t":[1,2]}}`, []string{"--stdin-json=t", "c"}},
		{"much from stdin", big, `{"call":"c","args":{"t":"` + big + `"}}`, []string{"--stdin=t", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			call, err := callargs.Parse(c.argv, strings.NewReader(c.stdin))
			if err != nil {
				t.Fatal(err)
			}
			line, err := call.Request()
			if err != nil || string(line) != c.want+"\n" {
				t.Fatalf("%.200s, %v\nwant %.200s", line, err, c.want)
			}
		})
	}
}

func TestAWrongCommandLineIsRefused(t *testing.T) {
	for _, c := range []struct {
		want  error
		stdin string
		argv  []string
	}{
		{callargs.ErrArgs, "", nil},
		{callargs.ErrArgs, "", []string{"--raw"}},
		{callargs.ErrArgs, "", []string{"--loud", "c"}},
		{callargs.ErrArgs, "", []string{""}},
		{callargs.ErrArgs, "", []string{"-x"}},
		{callargs.ErrArgs, "", []string{"c", "{}", "y"}},
		{callargs.ErrArgs, "", []string{"c", "{}", "y=1"}},
		{callargs.ErrArgs, "", []string{"c", "{}", "{}"}},
		{callargs.ErrArgs, "1", []string{"--stdin-json=a", "c", "{}"}},
		{callargs.ErrArgs, "", []string{"--member=", "c"}},
		{callargs.ErrArgs, "", []string{"c", "x"}},
		{callargs.ErrArgs, "", []string{"c", "--raw"}},
		{callargs.ErrArgs, "", []string{"c", "A=1"}},
		{callargs.ErrArgs, "", []string{"c", "a:=x"}},
		{callargs.ErrArgs, "", []string{"c", "a:="}},
		{callargs.ErrArgs, "", []string{"c", "a:=1 2"}},
		{callargs.ErrArgs, "", []string{"c", "a=1", "a=2"}},
		{callargs.ErrArgs, "", []string{"c", "a=1", `{"a":2}`}},
		{callargs.ErrArgs, "", []string{"c", "a=\xff"}},
		{callargs.ErrArgs, "", []string{"c", "a:=\"\xff\""}},
		{callargs.ErrArgs, "", []string{"c", "{\"a\":\"\xff\"}"}},
		{callargs.ErrArgs, "", []string{"c", `{"a":1`}},
		{callargs.ErrArgs, "[1]", []string{"c", "-"}},
		{callargs.ErrArgs, "null", []string{"c", "-"}},
		{callargs.ErrArgs, "\xff", []string{"--stdin=a", "c"}},
		{callargs.ErrArgs, "", []string{"--stdin-json=a", "c"}},
		{callargs.ErrTooLarge, strings.Repeat("x", callargs.MaxRequest+1), []string{"--stdin=a", "c"}},
	} {
		_, err := callargs.Parse(c.argv, strings.NewReader(c.stdin))
		if !errors.Is(err, c.want) {
			t.Errorf("Parse(%.100q) = %v, want %v", c.argv, err, c.want)
		}
	}
	escaped, err := callargs.Parse([]string{"--stdin=a", "c"}, strings.NewReader(strings.Repeat("\n", callargs.MaxRequest/2+1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := escaped.Request(); !errors.Is(err, callargs.ErrTooLarge) {
		t.Errorf("Request = %v, want ErrTooLarge", err)
	}
}

func TestAValueIsPrintedAsItWasAskedFor(t *testing.T) {
	for _, c := range []struct{ flags, value, want string }{
		{"", `"a\n\"é\u00e9"`, `"a\n\"é\u00e9"` + "\n"},
		{"--raw", `"a\n\"é\u00e9"`, "a\n\"éé\n"},
		{"--raw", `""`, "\n"},
		{"--raw", `9007199254740993`, "9007199254740993\n"},
		{"--raw", `1.10`, "1.10\n"},
		{"--raw", `true`, "true\n"},
		{"--raw", `[1, "a",null]`, `[1,"a",null]` + "\n"},
		{"", `null`, "null\n"},
		{"--raw", `null`, ""},
		{"--raw --default=x", `null`, "x\n"},
		{"--raw --default=", `null`, "\n"},
		{"--raw --default=x", `false`, "false\n"},
		{"--raw --member=a", `{"a":"b"}`, "b\n"},
		{"--member=a", `{"a":{"b": 1}}`, `{"b":1}` + "\n"},
		{"--raw --member=z", `{"a":"b"}`, ""},
		{"--raw --member=z --default=d=e", `{"a":"b"}`, "d=e\n"},
	} {
		call, err := callargs.Parse(append(strings.Fields(c.flags), "c"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := call.Output([]byte(c.value)); err != nil || string(got) != c.want {
			t.Errorf("%s of %s: %q, %v, want %q", c.flags, c.value, got, err, c.want)
		}
	}
}

func TestTheExitCodeTells(t *testing.T) {
	answer := func(line string) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return []byte(line + "\n"), nil }
	}
	fails := func([]byte) ([]byte, error) { return nil, callargs.ErrNotInARun.With("no socket") }
	breaks := func([]byte) ([]byte, error) { return nil, errors.New("broken pipe") }
	const refusal = `{"error":{"code":"x","title":"T","detail":"D <é>","hint":"H"}}`
	for _, c := range []struct {
		argv      string
		ask       func([]byte) ([]byte, error)
		code      int
		out, errs string
	}{
		{"c", answer(`{"value":"v"}`), 0, "\"v\"\n", ""},
		{"--raw c", answer(`{"value":null}`), 0, "", ""},
		{"c", answer(refusal), 1, "", `{"code":"x","title":"T","detail":"D <é>","hint":"H"}` + "\n"},
		{"--raw c", answer(refusal), 1, "", "error: x: D <é>\nhint: H\n"},
		{"--raw c", answer(`{"error":{"code":"x","title":"T"}}`), 1, "", "error: x: T\n"},
		{"--raw c", fails, 1, "", "error: not_in_a_run: no socket\nhint: " + callargs.ErrNotInARun.Hint + "\n"},
		{"--raw c", breaks, 1, "", "error: runner_unreachable: broken pipe\nhint: " + callargs.ErrRunnerUnreachable.Hint + "\n"},
		{"--raw c", answer(`{`), 1, "", "error: runner_unreachable: read the answer: unexpected end of JSON input\nhint: " + callargs.ErrRunnerUnreachable.Hint + "\n"},
		{"--raw --member=a c", answer(`{"value":[]}`), 1, "", "error: args_invalid: c gives no object that could have a member a\nhint: " + callargs.ErrArgs.Hint + "\n"},
		{"--raw", answer(`{}`), 2, "", "error: args_invalid: the call's name is missing\nhint: " + callargs.ErrArgs.Hint + "\n"},
		{"c a:=x", answer(`{}`), 2, "", "error: args_invalid: a is not JSON: \"x\"\nhint: " + callargs.ErrArgs.Hint + "\n"},
	} {
		var out, errs bytes.Buffer
		code := callargs.Main(strings.Fields(c.argv), strings.NewReader(""), &out, &errs, c.ask)
		if code != c.code || out.String() != c.out || errs.String() != c.errs {
			t.Errorf("%s: %d, %q, %q; want %d, %q, %q", c.argv, code, out.String(), errs.String(), c.code, c.out, c.errs)
		}
	}
}

func TestTooMuchIsNoWrongCommandLine(t *testing.T) {
	var out, errs bytes.Buffer
	code := callargs.Main([]string{"c", "-"}, strings.NewReader(strings.Repeat("x", 2<<20)), &out, &errs, nil)
	if code != 1 || !strings.HasPrefix(errs.String(), `{"code":"request_too_large",`) || out.Len() > 0 {
		t.Errorf("%d, %s", code, errs.String())
	}
}

// FuzzParse holds that a command line is refused as a problem, or becomes one line
// of JSON that says the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a=b", "a:=1", `{"a":1}`, "-", "a:=\"\\ud800\"", "a=\xff", "a:=[[[", "a:=1e999"} {
		f.Add(seed, "x", `{"a":[]}`)
	}
	f.Fuzz(func(t *testing.T, one, two, stdin string) {
		call, err := callargs.Parse([]string{"c", one, two}, strings.NewReader(stdin))
		if err != nil {
			if _, ok := problem.As(err); !ok {
				t.Fatalf("%v is no problem", err)
			}
			return
		}
		line, err := call.Request()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q is not one line", line)
		}
		args := bytes.TrimSuffix(bytes.TrimPrefix(line, []byte(`{"call":"c","args":`)), []byte("}\n"))
		again, err := callargs.Parse([]string{"c", string(args)}, nil)
		if err != nil {
			t.Fatalf("%q is refused: %v", args, err)
		}
		if same, err := again.Request(); err != nil || !bytes.Equal(same, line) {
			t.Fatalf("%q became %q, %v", line, same, err)
		}
	})
}
