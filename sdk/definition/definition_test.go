package definition_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/sdk/definition"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTheSchemaAndTheLoaderAgreeOnTheCorpus(t *testing.T) {
	compiled := compileSchema(t)
	cases := []struct {
		dir            string
		loader, schema bool
	}{
		{"valid", true, true}, {"invalid", false, false}, {"loader", false, true},
	}
	for _, c := range cases {
		for _, file := range corpus(t, c.dir) {
			t.Run(file, func(t *testing.T) {
				text := read(t, file)
				if _, err := definition.Parse(file, text); (err == nil) != c.loader {
					t.Errorf("Parse: %v; want accepted = %v", err, c.loader)
				}
				if err := compiled.Validate(asJSON(t, text)); (err == nil) != c.schema {
					t.Errorf("schema: %v; want accepted = %v", err, c.schema)
				}
			})
		}
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	var b strings.Builder
	for _, file := range slices.Concat(corpus(t, "invalid"), corpus(t, "loader")) {
		_, err := definition.Parse(file, read(t, file))
		fmt.Fprintln(&b, err)
	}
	golden(t, "testdata/errors.golden", b.String())
}

func TestTheJSONIsWhatTheAPITakes(t *testing.T) {
	var b bytes.Buffer
	for _, file := range corpus(t, "valid") {
		jobs, err := definition.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		if err := enc.Encode(jobs[0]); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "testdata/json.golden", b.String())
}

func TestNoSchedulesAndAnEmptyListDiffer(t *testing.T) {
	const head = "apiVersion: cronium/v1\nkind: Job\nmetadata: {name: x}\nspec:\n  script: {language: bash, source: x}\n"
	for text, want := range map[string]bool{head: false, head + "  schedules: []\n": true} {
		jobs, err := definition.Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(jobs[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(encoded, []byte(`"schedules":[]`)); got != want {
			t.Errorf("schedules in %s = %v, want %v", encoded, got, want)
		}
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8)+fmt.Sprintf("*%c", c-1))
	}
	cases := []struct{ name, text, want string }{
		{"alias bomb", bomb, "more than 20000 values"},
		{"alias of itself", "a: &a [*a]", "nested deeper than 32"},
		{"deep", strings.Repeat("[", 33) + strings.Repeat("]", 33), "nested deeper than 32"},
		{"very deep", strings.Repeat("[", 200_000), "not valid YAML"},
		{"large", strings.Repeat("#", 1<<20+1), "larger than 1 MiB"},
		{"bytes", "a: \xff", "not UTF-8"},
		{"control", "a: \x01", "not valid YAML"},
		{"empty", "# nothing\n", "holds no definition"},
		{"tab", "a:\n\t- b", "not valid YAML"},
		{"merge", "<<: {a: b}", "merge keys"},
		{"twice", "kind: Job\nkind: Job\n", `key "kind" appears twice; the first is on line 1`},
		{"tag", "kind: !!binary Sm9i\n", "kind must be text"},
		{"own tag", "metadata: !x {name: a}\n", "must be keys and values"},
		{"number as key", "1: a\n", "a key must be text"},
		{"no characters", "kind: \"Job\\u0007\\e[2J\"\n", `"Job\a\x1b[2J"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := definition.Parse("x.yaml", []byte(c.text))
			found, ok := errors.AsType[*definition.Error](err)
			if !ok || !strings.Contains(found.Error(), c.want) {
				t.Fatalf("Parse = %v, want %q", err, c.want)
			}
		})
	}
}

func TestADirectoryIsLoadedWholeAndNamesAreUnique(t *testing.T) {
	dir := t.TempDir()
	const job = "apiVersion: cronium/v1\nkind: Job\nmetadata: {name: %s}\nspec: {script: {language: bash, source: x}}\n"
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("b.yml", fmt.Sprintf(job, "b"))
	put("sub/c.yaml", fmt.Sprintf(job, "c")+"---\n"+fmt.Sprintf(job, "d"))
	put(".git/x.yaml", "not: ours")
	put("README.md", "not: ours")
	jobs, err := definition.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, j := range jobs {
		names = append(names, j.Metadata.Name)
	}
	if !slices.Equal(names, []string{"b", "c", "d"}) {
		t.Fatalf("Load = %q, want b, c and d", names)
	}
	put("z.yaml", fmt.Sprintf(job, "d"))
	if _, err := definition.Load(dir); err == nil || !strings.Contains(err.Error(), `job "d" is defined twice`) {
		t.Fatalf("Load with a double name = %v", err)
	}
}

func TestLoadNamesWhatIsMissing(t *testing.T) {
	if _, err := definition.Load("testdata/gone.yaml"); err == nil || err.Error() != "read testdata/gone.yaml: no such file or directory" {
		t.Fatalf("Load = %v", err)
	}
	if _, err := definition.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no .yaml or .yml file") {
		t.Fatalf("Load = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"valid", "invalid", "loader"} {
		for _, file := range corpus(f, dir) {
			f.Add(read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		jobs, err := definition.Parse("testdata/valid/x.yaml", text)
		if err != nil {
			if _, ok := errors.AsType[*definition.Error](err); !ok {
				t.Fatalf("Parse returned %T: %v", err, err)
			}
			return
		}
		for _, j := range jobs {
			if _, err := json.Marshal(j); err != nil {
				t.Fatalf("an accepted definition has no JSON: %v", err)
			}
		}
	})
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(definition.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("job.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("job.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// asJSON reads YAML the way an editor's validator does.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func corpus(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + dir + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("corpus %s: %v", dir, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Fatalf("%s differs (-want +got):\n%s", file, diff)
	}
}
