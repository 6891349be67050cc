package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cronium/cronium/sdk/client"
)

const goldenAPI = "../../hub/httpapi/testdata/openapi.json"

// document is what the tests need of the hub's OpenAPI golden.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Parameters []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

func loadAPI(t *testing.T) (document, *jsonschema.Compiler) {
	t.Helper()
	text, err := os.ReadFile(goldenAPI)
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", resource); err != nil {
		t.Fatal(err)
	}
	return doc, c
}

func TestEveryRequestIsOneThatTheAPIDescribes(t *testing.T) {
	doc, schemas := loadAPI(t)
	ctx := context.Background()
	paging := client.Paging{Limit: 7, Cursor: "c"}
	least := 1.0
	definition := client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: "x", Project: "default", Labels: map[string]string{"a": "b"}},
		Spec: client.DefinitionSpec{
			Spec: client.Spec{
				Script: client.Script{Language: "bash", Source: "true"}, Timeout: "2m", Env: map[string]string{"A": "b"},
				Inputs: map[string]client.Input{"i": {Type: "integer", Default: 1, Required: true, Description: "d", Enum: []any{1}, Minimum: &least, Maximum: &least}},
				Target: &client.Target{Labels: map[string]string{"os": "linux"}}, FanOut: &client.FanOut{MaxParallel: "25%", MaxFailures: "0", StartWithin: "5m"}, Retries: &client.Retries{Max: 1, Backoff: "fixed", Delay: "1s", On: []string{"lost"}},
				Secrets: []string{"TOKEN"},
			},
			Schedules: []client.ScheduleWish{{Name: "n", Cron: "* * * * *", Zone: "UTC", Gap: "skip", Fold: "both", Overlap: "skip", CatchUp: "none", Inputs: map[string]any{"i": 2}, Enabled: new(bool)}},
		},
	}
	calls := map[string]func(*client.Client) error{
		"setup": func(c *client.Client) error { _, err := c.Setup(ctx); return err },
		"login": func(c *client.Client) error {
			_, err := c.Login(ctx, "e@x", "p", client.TokenRequest{Name: "n", ExpiresIn: "1h"})
			return err
		},
		"me":     func(c *client.Client) error { _, err := c.Me(ctx); return err },
		"tokens": func(c *client.Client) error { _, err := c.Tokens(ctx); return err },
		"create": func(c *client.Client) error { _, err := c.CreateToken(ctx, client.TokenRequest{Name: "n"}); return err },
		"revoke": func(c *client.Client) error { return c.RevokeToken(ctx, "t") },
		"jobs": func(c *client.Client) error {
			_, err := c.Jobs(ctx, "p", client.JobFilter{Text: "t", Labels: []string{"a=b", "c=d"}, State: "active"}, paging)
			return err
		},
		"job": func(c *client.Client) error { _, err := c.Job(ctx, "p", "x"); return err },
		"put": func(c *client.Client) error {
			_, err := c.PutJob(ctx, "p", definition, client.PutOptions{DryRun: true, IfVersion: 3})
			return err
		},
		"archive":  func(c *client.Client) error { return c.ArchiveJob(ctx, "p", "x") },
		"pause":    func(c *client.Client) error { _, err := c.PauseJob(ctx, "p", "x"); return err },
		"resume":   func(c *client.Client) error { _, err := c.ResumeJob(ctx, "p", "x"); return err },
		"versions": func(c *client.Client) error { _, err := c.JobVersions(ctx, "p", "x", paging); return err },
		"start": func(c *client.Client) error {
			_, err := c.StartRun(ctx, "p", "x", client.RunRequest{Inputs: map[string]any{"a": "b"}, Trigger: "cli"})
			return err
		},
		"runs": func(c *client.Client) error {
			_, err := c.Runs(ctx, "p", client.RunFilter{States: []string{"failed", "lost"}, Job: "x", Trigger: "cli", Parent: "r"}, paging)
			return err
		},
		"run":    func(c *client.Client) error { _, err := c.Run(ctx, "p", "r"); return err },
		"cancel": func(c *client.Client) error { _, err := c.CancelRun(ctx, "p", "r"); return err },
		"targets": func(c *client.Client) error {
			_, err := c.TargetsLog(ctx, "p", "r", client.TargetsWindow{Cursor: "AQE", Limit: 9, Wait: 2 * time.Second})
			return err
		},
		"log": func(c *client.Client) error {
			_, err := c.Log(ctx, "p", "r", client.LogWindow{Attempt: 1, From: 5, Limit: 9})
			return err
		},
		"raw":       func(c *client.Client) error { return c.RawLog(ctx, "p", "r", 2, "stdout", io.Discard) },
		"artifacts": func(c *client.Client) error { _, err := c.Artifacts(ctx, "p", "r"); return err },
		"artifact": func(c *client.Client) error {
			return c.Artifact(ctx, "p", "r", client.Artifact{Name: "a b", SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte("{}")))}, io.Discard)
		},
		"hosts":          func(c *client.Client) error { _, err := c.Hosts(ctx, "p"); return err },
		"host":           func(c *client.Client) error { _, err := c.Host(ctx, "p", "h"); return err },
		"unhost":         func(c *client.Client) error { return c.RevokeHost(ctx, "p", "h") },
		"drain a host":   func(c *client.Client) error { _, err := c.DrainHost(ctx, "p", "h"); return err },
		"resume a host":  func(c *client.Client) error { _, err := c.ResumeHost(ctx, "p", "h"); return err },
		"upgrade a host": func(c *client.Client) error { _, err := c.UpgradeHost(ctx, "p", "h"); return err },
		"join": func(c *client.Client) error {
			_, err := c.CreateJoinToken(ctx, "p", client.JoinTokenRequest{Name: "h", Labels: map[string]string{"a": "b"}, ExpiresIn: "1h", Uses: 2})
			return err
		},
		"consoles": func(c *client.Client) error { _, err := c.Consoles(ctx, "p", true, paging); return err },
		"console":  func(c *client.Client) error { _, err := c.OpenConsole(ctx, "p", "h"); return err },
		"attach":   func(c *client.Client) error { _, err := c.AttachConsole(ctx, "p", "s"); return err },
		"watch":    func(c *client.Client) error { _, err := c.WatchConsole(ctx, "p", "s"); return err },
		"settings": func(c *client.Client) error { _, err := c.ProjectSettings(ctx, "p"); return err },
		"set": func(c *client.Client) error {
			_, err := c.PutProjectSettings(ctx, "p", client.ProjectSettings{Images: []string{"a/*"}})
			return err
		},
		"output": func(c *client.Client) error { _, err := c.RunOutput(ctx, "p", "r"); return err },
		"vars":   func(c *client.Client) error { _, err := c.Variables(ctx, "p", "t", paging); return err },
		"var":    func(c *client.Client) error { _, err := c.Variable(ctx, "p", "v"); return err },
		"putvar": func(c *client.Client) error {
			_, err := c.PutVariable(ctx, "p", "v", json.RawMessage(`[1]`))
			return err
		},
		"rmvar":     func(c *client.Client) error { return c.DeleteVariable(ctx, "p", "v") },
		"secrets":   func(c *client.Client) error { _, err := c.Secrets(ctx, "p", paging); return err },
		"putsecret": func(c *client.Client) error { return c.PutSecret(ctx, "p", "S", "open sesame") },
		"rmsecret":  func(c *client.Client) error { return c.DeleteSecret(ctx, "p", "S") },
		"sched":     func(c *client.Client) error { _, err := c.Schedules(ctx, "p", "x", paging); return err },
		"sched1":    func(c *client.Client) error { _, err := c.Schedule(ctx, "p", "s"); return err },
		"spause":    func(c *client.Client) error { _, err := c.PauseSchedule(ctx, "p", "s"); return err },
		"sresume":   func(c *client.Client) error { _, err := c.ResumeSchedule(ctx, "p", "s"); return err },
		"fires":     func(c *client.Client) error { _, err := c.Fires(ctx, "p", "s", paging); return err },
		"preview": func(c *client.Client) error {
			_, err := c.Preview(ctx, client.PreviewRequest{Cron: "* * * * *", Zone: "UTC", N: 3, Gap: "skip", Fold: "both"})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				checkRequest(t, doc, schemas, r)
				io.WriteString(w, "{}")
			}))
			defer srv.Close()
			c, err := client.New(client.Config{URL: srv.URL, Token: "cro_x"})
			if err != nil {
				t.Fatal(err)
			}
			if err := call(c); err != nil {
				t.Error(err)
			}
			if asked == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}

func checkRequest(t *testing.T, doc document, schemas *jsonschema.Compiler, r *http.Request) {
	t.Helper()
	op, ok := find(doc, r)
	if !ok {
		t.Errorf("%s %s is not in the document", r.Method, r.URL.Path)
		return
	}
	known := map[string]bool{}
	for _, p := range op.Parameters {
		known[p.In+" "+p.Name] = true
	}
	for name := range r.URL.Query() {
		if !known["query "+name] {
			t.Errorf("%s %s has no parameter %s", r.Method, r.URL.Path, name)
		}
	}
	if r.Header.Get("If-Match") != "" && !known["header If-Match"] {
		t.Errorf("%s %s has no header If-Match", r.Method, r.URL.Path)
	}
	body, _ := io.ReadAll(r.Body)
	ref := op.RequestBody.Content["application/json"].Schema.Ref
	if ref == "" {
		if len(body) > 0 && string(body) != "{}" {
			t.Errorf("%s %s takes no body, sent %s", r.Method, r.URL.Path, body)
		}
		return
	}
	schema, err := schemas.Compile("openapi.json" + ref)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
}

// find is the operation of a request: literal segments win over {parameters}.
func find(doc document, r *http.Request) (operation, bool) {
	asked := strings.Split(r.URL.Path, "/")
	var best operation
	literal := -1
	for path, methods := range doc.Paths {
		op, ok := methods[strings.ToLower(r.Method)]
		parts := strings.Split(path, "/")
		if !ok || len(parts) != len(asked) {
			continue
		}
		same := 0
		for i, part := range parts {
			switch {
			case part == asked[i]:
				same++
			case !strings.HasPrefix(part, "{"):
				same = -1000
			}
		}
		if same > literal {
			best, literal = op, same
		}
	}
	return best, literal >= 0
}

func TestTheTypesHaveTheFieldsOfTheAPI(t *testing.T) {
	doc, _ := loadAPI(t)
	types := map[string]any{
		"Me": client.Me{}, "Membership": client.Membership{}, "HubInfo": client.HubInfo{}, "Token": client.Token{}, "NewToken": client.NewToken{},
		"TokenRequest": client.TokenRequest{}, "SetupState": client.SetupState{}, "JobDefinition": client.Definition{}, "JobMetadata": client.Metadata{},
		"JobWish": client.DefinitionSpec{}, "JobSpec": client.Spec{}, "JobScript": client.Script{}, "Input": client.Input{}, "JobTarget": client.Target{},
		"JobRetries": client.Retries{}, "JobFanOut": client.FanOut{}, "TargetCounts": client.TargetCounts{}, "TargetsLog": client.TargetsLog{}, "TargetLine": client.TargetLine{}, "JobContainer": client.Container{}, "JobLimits": client.Limits{}, "ScheduleWish": client.ScheduleWish{}, "Job": client.Job{}, "JobChange": client.JobChange{}, "Warning": client.Warning{},
		"JobSummary": client.JobSummary{}, "JobSchedule": client.JobSchedule{}, "JobRun": client.JobRun{}, "JobVersion": client.JobVersion{},
		"RunRequest": client.RunRequest{}, "RunSummary": client.RunSummary{}, "RunReason": client.RunReason{}, "RunOutcome": client.RunOutcome{},
		"Run": client.Run{}, "Attempt": client.Attempt{}, "Moment": client.Moment{}, "Log": client.Log{}, "LogLine": client.LogLine{},
		"Host": client.Host{}, "HostFacts": client.HostFacts{}, "HostCertificate": client.HostCertificate{},
		"JoinTokenRequest": client.JoinTokenRequest{}, "NewJoinToken": client.NewJoinToken{}, "Schedule": client.Schedule{}, "Fire": client.Fire{},
		"Variable": client.Variable{}, "VariableRequest": client.VariableRequest{}, "Secret": client.Secret{}, "SecretRead": client.SecretRead{},
		"SecretRequest": client.SecretRequest{}, "RunProgress": client.RunProgress{},
		"Console": client.Console{}, "ConsoleTicket": client.ConsoleTicket{},
		"PreviewRequest": client.PreviewRequest{}, "Preview": client.Preview{}, "PreviewTime": client.PreviewTime{},
		"ProjectSettings": client.ProjectSettings{}, "Stage": client.Stage{},
		"Artifact": client.Artifact{}, "ArtifactTotal": client.ArtifactTotal{},
	}
	for name, value := range types {
		schema, ok := doc.Components.Schemas[name]
		if !ok {
			t.Errorf("the document has no schema %s", name)
			continue
		}
		ours := fieldNames(reflect.TypeOf(value))
		var theirs []string
		for property := range schema.Properties {
			theirs = append(theirs, property)
		}
		slices.Sort(ours)
		slices.Sort(theirs)
		if !slices.Equal(ours, theirs) {
			t.Errorf("%s has %q, the API %q", name, ours, theirs)
		}
	}
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			names = append(names, fieldNames(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
