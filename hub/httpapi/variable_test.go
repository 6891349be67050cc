package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/secret"
)

const ofVariables, ofSecrets = "/api/v1/projects/default/variables", "/api/v1/projects/default/secrets"

func TestVariablesKeepEveryDigit(t *testing.T) {
	w := newWorld(t)
	if got := w.do("PUT", ofVariables+"/n", `{"value": 9007199254740993}`); got.status != 200 || !strings.Contains(string(got.body), `"value":9007199254740993,`) {
		t.Fatalf("put = %d %s", got.status, got.body)
	}
	v := decode[httpapi.Variable](t, w.do("GET", ofVariables+"/n", ""))
	if v.Text != "9007199254740993" || v.Version != 1 || v.UpdatedBy != adminEmail {
		t.Errorf("it is %+v", v)
	}
	w.want(200, "PUT", ofVariables+"/n", `{"value":{"a":[1.0,"ü"]}}`)
	page := decode[httpapi.Page[httpapi.Variable]](t, w.do("GET", ofVariables+"?text=N", ""))
	if len(page.Items) != 1 || page.Items[0].Text != `{"a":[1.0,"ü"]}` || page.Items[0].Version != 2 {
		t.Errorf("the list is %+v", page)
	}
	w.want(204, "DELETE", ofVariables+"/n", "")
	for _, c := range []struct{ method, path, body, code string }{
		{"GET", "/n", "", "variable_not_found"}, {"DELETE", "/n", "", "variable_not_found"},
		{"PUT", "/1", `{"value":1}`, "name_invalid"}, {"PUT", "/n", `{"value":null}`, "invalid_field"}, {"PUT", "/n", `{}`, "missing_field"},
		{"PUT", "/n", `{"value":"` + strings.Repeat("x", 64<<10) + `"}`, "value_too_large"},
	} {
		if got := w.do(c.method, ofVariables+c.path, c.body); got.code() != c.code {
			t.Errorf("%s %s = %d %s, want %s", c.method, c.path, got.status, clip(got.body), c.code)
		}
	}
}

func TestASecretIsNeverReadBack(t *testing.T) {
	w := newWorld(t)
	const value = "a-canary-of-a-secret"
	w.want(204, "PUT", ofSecrets+"/TOKEN", `{"value":"`+value+`"}`)
	reader := secret.Reader{RunID: uuid.New(), Attempt: 1, Job: "nightly"}
	err := w.db.InTx(t.Context(), func(tx pgx.Tx) error {
		_, err := w.secrets.Read(t.Context(), tx, w.ours.ID, "TOKEN", reader)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := w.do("GET", ofSecrets, "")
	page := decode[httpapi.Page[httpapi.Secret]](t, got)
	if len(page.Items) != 1 || page.Items[0].LastRead == nil || page.Items[0].LastRead.Job != "nightly" || page.Items[0].UpdatedBy != adminEmail {
		t.Errorf("the list is %s", got.body)
	}
	if strings.Contains(string(got.body), value) {
		t.Error("the list holds the value")
	}
	for _, bad := range []string{`{"value":"abc"}`, `{"value":"` + strings.Repeat("x", 20000) + `"}`, `{}`, `{"value":7}`} {
		if got := w.do("PUT", ofSecrets+"/TOKEN", bad); got.status != 422 {
			t.Errorf("put %.30s = %d %s", bad, got.status, got.body)
		}
	}
	w.want(204, "DELETE", ofSecrets+"/TOKEN", "")
	if got := w.do("DELETE", ofSecrets+"/TOKEN", ""); got.code() != "secret_not_found" {
		t.Errorf("deleting again = %d %s", got.status, got.body)
	}
	token, _ := w.member(w.ours, authz.Viewer)
	if got := w.send("PUT", ofSecrets+"/TOKEN", `{"value":"long enough"}`, as(token)); got.status != 403 {
		t.Errorf("a viewer's put = %d", got.status)
	}
}

func TestARunShowsWhatItSaid(t *testing.T) {
	w := newWorld(t)
	r, ref := w.running(w.ours)
	path := "/api/v1/projects/default/runs/" + r.Public()
	if got := w.do("GET", path+"/output", ""); got.code() != "output_not_found" {
		t.Errorf("without an output: %d %s", got.status, got.body)
	}
	say := func(output string) {
		t.Helper()
		err := w.db.InTx(t.Context(), func(tx pgx.Tx) error {
			half := 0.5
			if err := w.outputs.Set(t.Context(), tx, r.ID, ref.Attempt, json.RawMessage(output)); err != nil {
				return err
			}
			if err := w.outputs.SetCondition(t.Context(), tx, r.ID, ref.Attempt, false); err != nil {
				return err
			}
			return w.outputs.SetProgress(t.Context(), tx, r.ID, ref.Attempt, &half, "half way")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	say(`{"n":9007199254740993}`)
	shown := decode[httpapi.Run](t, w.do("GET", path, ""))
	if string(shown.Output) != `{"n":9007199254740993}` || shown.OutputBytes != 22 || shown.OutputAt == nil || *shown.Condition || *shown.Progress.Fraction != 0.5 || shown.Progress.Text != "half way" {
		t.Errorf("the run is shown with %s (%d bytes), condition %v, progress %+v", shown.Output, shown.OutputBytes, shown.Condition, shown.Progress)
	}
	if got := w.do("GET", path+"/output", ""); strings.TrimSpace(string(got.body)) != `{"n":9007199254740993}` {
		t.Errorf("the output is %s", got.body)
	}
	large := fmt.Sprintf("%q", strings.Repeat("x", 100<<10))
	say(large)
	if shown := decode[httpapi.Run](t, w.do("GET", path, "")); shown.Output != nil || shown.OutputBytes != int64(len(large)) {
		t.Errorf("a large output is shown with %d of %d bytes", len(shown.Output), shown.OutputBytes)
	}
	if got := w.do("GET", path+"/output", ""); strings.TrimSpace(string(got.body)) != large {
		t.Errorf("the large output has %d bytes", len(got.body))
	}
}
