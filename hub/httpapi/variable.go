package httpapi

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/variable"
)

func (a *API) listVariables(ctx context.Context, c *call, in *listVariablesInput) (*output[Page[Variable]], error) {
	page, err := a.variables.List(ctx, c.project.ID, variable.Filter{Text: in.Text, After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	items := make([]Variable, len(page.Variables))
	for i, v := range page.Variables {
		items[i] = showVariable(v)
	}
	return pageOf(items, page.Next), nil
}

func (a *API) getVariable(ctx context.Context, c *call, in *VariablePath) (*output[Variable], error) {
	v, err := a.variables.Get(ctx, c.project.ID, in.Variable)
	if err != nil {
		return nil, err
	}
	return answer(showVariable(v)), nil
}

func (a *API) putVariable(ctx context.Context, c *call, in *putVariableInput) (*output[Variable], error) {
	if string(in.Body.Value) == "null" {
		return nil, ErrInvalidField.With("A variable that is null is not there: delete it").At("value")
	}
	err := a.db.InTx(ctx, func(tx pgx.Tx) error {
		return a.variables.Set(ctx, tx, c.project.ID, in.Variable, in.Body.Value, c.actor.Email)
	})
	if err != nil {
		return nil, err
	}
	return a.getVariable(ctx, c, &in.VariablePath)
}

func (a *API) deleteVariable(ctx context.Context, c *call, in *VariablePath) (*none, error) {
	return nil, a.variables.Delete(ctx, c.project.ID, in.Variable)
}

func showVariable(v variable.Variable) Variable {
	return Variable{Name: v.Name, Value: v.Value, Text: string(v.Value), Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
}

func (a *API) listSecrets(ctx context.Context, c *call, in *listSecretsInput) (*output[Page[Secret]], error) {
	page, err := a.secrets.List(ctx, c.project.ID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	items := make([]Secret, len(page.Secrets))
	for i, s := range page.Secrets {
		items[i] = Secret{Name: s.Name, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, UpdatedBy: s.UpdatedBy}
		if r := s.LastRead; r != nil {
			items[i].LastRead = &SecretRead{Run: run.FormatID(r.RunID), Attempt: r.Attempt, Job: r.Job, At: r.At}
		}
	}
	return pageOf(items, page.Next), nil
}

func (a *API) putSecret(ctx context.Context, c *call, in *putSecretInput) (*none, error) {
	return nil, a.secrets.Set(ctx, c.project.ID, in.Secret, secret.NewText(in.Body.Value), c.actor.Email)
}

func (a *API) deleteSecret(ctx context.Context, c *call, in *SecretPath) (*none, error) {
	return nil, a.secrets.Delete(ctx, c.project.ID, in.Secret)
}
