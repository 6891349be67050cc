package call

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/cronium/cronium/hub/secret"
)

type named struct {
	Name string `json:"name"`
}

func (a *ask) variableGet(ctx context.Context) (any, error) {
	var in named
	if err := a.args(&in); err != nil {
		return nil, err
	}
	return a.Variables.Value(ctx, a.tx, a.live.ProjectID, in.Name)
}

func (a *ask) variableSet(ctx context.Context) (any, error) {
	var in struct {
		named
		Value json.RawMessage `json:"value"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if err := given("value", in.Value); err != nil {
		return nil, err
	}
	return nil, a.Variables.Set(ctx, a.tx, a.live.ProjectID, in.Name, in.Value, a.by())
}

func (a *ask) variableCompareAndSet(ctx context.Context) (any, error) {
	var in struct {
		named
		Old json.RawMessage `json:"old"`
		New json.RawMessage `json:"new"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if err := given("old", in.Old); err != nil {
		return nil, err
	}
	if err := given("new", in.New); err != nil {
		return nil, err
	}
	return a.Variables.CompareAndSet(ctx, a.tx, a.live.ProjectID, in.Name, in.Old, in.New, a.by())
}

func (a *ask) variableIncrement(ctx context.Context) (any, error) {
	in := struct {
		named
		By json.RawMessage `json:"by"`
	}{By: json.RawMessage("1")}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	var by json.Number
	if c := in.By[0]; c != '-' && (c < '0' || c > '9') {
		return nil, ErrArgs.With("by must be a number")
	}
	if err := json.Unmarshal(in.By, &by); err != nil {
		return nil, ErrArgs.With("by must be a number")
	}
	return a.Variables.Increment(ctx, a.tx, a.live.ProjectID, in.Name, by, a.by())
}

func (a *ask) secretGet(ctx context.Context) (any, error) {
	var in named
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if err := secret.CheckName(in.Name); err != nil {
		return nil, err
	}
	declared, err := a.Jobs.DeclaredSecrets(ctx, a.live.JobID, a.live.JobVersion)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(declared, in.Name) {
		return nil, ErrNotDeclared.With("version %d of the job %s does not declare %s", a.live.JobVersion, a.live.JobName, in.Name)
	}
	value, err := a.Secrets.Read(ctx, a.tx, a.live.ProjectID, in.Name, secret.Reader{RunID: a.Ref.RunID, Attempt: a.Ref.Attempt, Job: a.live.JobName})
	if err != nil {
		return nil, err
	}
	return value.Reveal(), nil
}

func (a *ask) outputSet(ctx context.Context) (any, error) {
	var in struct {
		Value json.RawMessage `json:"value"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if err := given("value", in.Value); err != nil {
		return nil, err
	}
	return nil, a.Outputs.Set(ctx, a.tx, a.Ref.RunID, a.Ref.Attempt, in.Value)
}

func (a *ask) outputUpdate(ctx context.Context) (any, error) {
	var in struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if err := given("value", in.Value); err != nil {
		return nil, err
	}
	return nil, a.Outputs.Update(ctx, a.tx, a.Ref.RunID, a.Ref.Attempt, in.Key, in.Value)
}

func (a *ask) conditionSet(ctx context.Context) (any, error) {
	var in struct {
		Value *bool `json:"value"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if in.Value == nil {
		return nil, ErrArgs.With("value must be true or false")
	}
	return nil, a.Outputs.SetCondition(ctx, a.tx, a.Ref.RunID, a.Ref.Attempt, *in.Value)
}

func (a *ask) progressSet(ctx context.Context) (any, error) {
	var in struct {
		Fraction *float64 `json:"fraction"`
		Text     string   `json:"text"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	return nil, a.Outputs.SetProgress(ctx, a.tx, a.Ref.RunID, a.Ref.Attempt, in.Fraction, in.Text)
}

func given(name string, value json.RawMessage) error {
	if value == nil {
		return ErrArgs.With("%s is missing", name)
	}
	return nil
}
