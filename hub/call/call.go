package call

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/call/internal/db"
	"github.com/cronium/cronium/hub/output"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/variable"
)

const (
	remember    = 10 * time.Minute // scripts wait half a minute for an answer
	forgetEvery = time.Minute
	forgetBatch = 10_000
)

// Call is what a script asks for.
type Call struct {
	Ref  run.Ref
	ID   int64 // unique in the attempt
	Name string
	Args json.RawMessage
}

// Jobs says what versions of jobs declare.
type Jobs interface {
	DeclaredSecrets(ctx context.Context, jobID uuid.UUID, version int) ([]string, error)
}

// Deps are the rooms that calls reach. All are required.
type Deps struct {
	DB        *postgres.DB
	Runs      *run.Store
	Variables *variable.Store
	Secrets   *secret.Store
	Outputs   *output.Store
	Artifacts *artifact.Store
	Jobs      Jobs
	// Changed is told, after the commit, that a run said something new of itself. It
	// must not block.
	Changed func(runID uuid.UUID)
	Log     *slog.Logger
}

// Calls answers calls. Its methods may be called concurrently, and by any number of
// hubs.
type Calls struct{ Deps }

// New returns calls on a migrated database.
func New(d Deps) *Calls { return &Calls{d} }

// ask is a call of a live attempt, in a transaction.
type ask struct {
	*Calls
	Call
	tx   pgx.Tx
	live run.Live
}

// by is who a variable says has changed it.
func (a *ask) by() string { return run.FormatID(a.Ref.RunID) }

// kind is one line of the table of calls.
type kind struct {
	writes bool // is answered from memory when it comes again
	tells  bool // changes what people see of the run
	answer func(*ask, context.Context) (any, error)
}

var kinds = map[string]kind{
	"variable.get":             {answer: (*ask).variableGet},
	"variable.set":             {writes: true, answer: (*ask).variableSet},
	"variable.compare_and_set": {writes: true, answer: (*ask).variableCompareAndSet},
	"variable.increment":       {writes: true, answer: (*ask).variableIncrement},
	"secret.get":               {answer: (*ask).secretGet},
	"output.set":               {writes: true, tells: true, answer: (*ask).outputSet},
	"output.update":            {writes: true, tells: true, answer: (*ask).outputUpdate},
	"condition.set":            {writes: true, tells: true, answer: (*ask).conditionSet},
	"progress.set":             {tells: true, answer: (*ask).progressSet}, // the same again is the same
	"artifact.begin":           {writes: true, answer: (*ask).artifactBegin},
	"artifact.write":           {answer: (*ask).artifactWrite}, // as before
	"artifact.commit":          {writes: true, tells: true, answer: (*ask).artifactCommit},
	"artifact.drop":            {answer: (*ask).artifactDrop}, // as before
	"artifact.list":            {answer: (*ask).artifactList},
	"artifact.open":            {answer: (*ask).artifactOpen},
	"artifact.read":            {answer: (*ask).artifactRead},
}

// Answer answers one call of an attempt that the agent holds, with a value in
// compact JSON. A problem below 500 is the script's own.
func (c *Calls) Answer(ctx context.Context, agent uuid.UUID, in Call) (json.RawMessage, error) {
	k, known := kinds[in.Name]
	if !known {
		return nil, ErrUnknown.With("%.64q", in.Name)
	}
	var value json.RawMessage
	err := c.DB.InTx(ctx, func(tx pgx.Tx) error {
		live, ok, err := c.Runs.Live(ctx, tx, agent, in.Ref)
		switch {
		case err != nil:
			return err
		case !ok:
			return ErrNotRunning.With("attempt %d", in.Ref.Attempt)
		}
		a := &ask{Calls: c, Call: in, tx: tx, live: live}
		if k.writes {
			value, err = a.once(ctx, k)
		} else {
			value, err = a.make(ctx, k)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s of run %s: %w", in.Name, in.Ref.RunID, err)
	}
	if k.tells {
		c.Changed(in.Ref.RunID)
	}
	return value, nil
}

// once makes a call unless it was made before.
func (a *ask) once(ctx context.Context, k kind) (json.RawMessage, error) {
	q := db.New(a.tx)
	n, err := q.Claim(ctx, a.Ref.RunID, a.Ref.Attempt, a.ID)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		answer, err := q.Answered(ctx, a.Ref.RunID, a.Ref.Attempt, a.ID)
		return json.RawMessage(answer), err
	}
	value, err := a.make(ctx, k)
	if err != nil {
		return nil, err
	}
	return value, q.Answer(ctx, db.AnswerParams{Answer: string(value), RunID: a.Ref.RunID, Attempt: a.Ref.Attempt, CallID: a.ID})
}

func (a *ask) make(ctx context.Context, k kind) (json.RawMessage, error) {
	value, err := k.answer(a, ctx)
	if err != nil {
		return nil, err
	}
	return encode(value)
}

// encode is JSON without the escapes that only web pages need.
func encode(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

// args reads the call's arguments, which must be those of v and no others.
func (a *ask) args(v any) error {
	dec := json.NewDecoder(bytes.NewReader(a.Args))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return ErrArgs.With("%v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ErrArgs.With("there is something behind the object")
	}
	return nil
}

// Run forgets old answers until ctx ends.
func (c *Calls) Run(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := c.forget(ctx, remember); err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "forget answers", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (c *Calls) forget(ctx context.Context, age time.Duration) error {
	q := db.New(c.DB.Pool)
	for {
		n, err := q.Forget(ctx, age.Seconds(), forgetBatch)
		if err != nil || n < forgetBatch {
			return err
		}
	}
}
