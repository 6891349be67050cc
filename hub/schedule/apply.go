package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/schedule/cron"
	"github.com/cronium/cronium/hub/schedule/internal/db"
	"github.com/cronium/cronium/sdk/problem"
)

// MaxPerJob is how many schedules a job may have.
const MaxPerJob = 64

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// wanted is a definition with its defaults, parsed.
type wanted struct {
	Definition
	plan   Plan
	inputs json.RawMessage
}

// Validate checks definitions without writing anything. Errors name the field as
// a path in the definition: "spec.schedules[0].cron".
func Validate(definitions []Definition) error {
	_, err := prepare(definitions, time.Time{})
	return err
}

func prepare(definitions []Definition, anchor time.Time) ([]wanted, error) {
	if len(definitions) > MaxPerJob {
		return nil, ErrDefinition.With("A job has at most %d schedules, not %d", MaxPerJob, len(definitions)).At("schedules")
	}
	all := make([]wanted, len(definitions))
	names := map[string]bool{}
	for i, d := range definitions {
		w, err := prepareOne(d, anchor)
		if err == nil && names[w.Name] {
			err = ErrDefinition.With("Two schedules are called %q", w.Name).At("name")
		}
		if err != nil {
			return nil, at(fmt.Sprintf("spec.schedules[%d]", i), err)
		}
		names[w.Name] = true
		all[i] = w
	}
	return all, nil
}

// at puts a path before the field of a problem.
func at(path string, err error) error {
	if p, ok := problem.As(err); ok {
		return p.At(path + "." + p.Field)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func prepareOne(d Definition, anchor time.Time) (w wanted, err error) {
	if !validName.MatchString(d.Name) {
		return w, ErrDefinition.With("Schedule name %q is not 1–64 lower-case letters, digits and hyphens", d.Name).At("name")
	}
	d.Zone, d.Cron = or(d.Zone, "UTC"), strings.TrimSpace(d.Cron)
	d.Gap, d.Fold = or(d.Gap, string(cron.Shift)), or(d.Fold, string(cron.First))
	d.Overlap, d.CatchUp = or(d.Overlap, OverlapAllow), or(d.CatchUp, CatchUpLast)
	if d.Overlap != OverlapAllow && d.Overlap != OverlapSkip {
		return w, ErrDefinition.With("Overlap %q is unknown: it is allow or skip", d.Overlap).At("overlap")
	}
	if d.CatchUp != CatchUpNone && d.CatchUp != CatchUpLast && d.CatchUp != CatchUpAll {
		return w, ErrDefinition.With("Catch-up %q is unknown: it is none, last or all", d.CatchUp).At("catch_up")
	}
	w.Definition = d
	if w.plan, err = d.parse(anchor); err != nil {
		return w, err
	}
	w.inputs, err = encodeInputs(d.Inputs)
	return w, err
}

func (d Definition) parse(anchor time.Time) (Plan, error) {
	return Parse(d.Cron, d.Zone, Options{Gap: cron.Gap(d.Gap), Fold: cron.Fold(d.Fold), Anchor: anchor})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func encodeInputs(inputs map[string]any) (json.RawMessage, error) {
	if len(inputs) == 0 {
		return json.RawMessage("{}"), nil
	}
	for name, value := range inputs {
		if text, ok := value.(string); strings.ContainsRune(name, 0) || ok && strings.ContainsRune(text, 0) {
			return nil, ErrDefinition.With("Input %q holds a NUL character", name).At("inputs")
		}
	}
	raw, err := json.Marshal(inputs)
	if err != nil {
		return nil, ErrDefinition.With("Inputs are not JSON: %v", err).At("inputs")
	}
	return raw, nil
}

// decodeJSON keeps numbers as they were written.
func decodeJSON(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// Apply makes the job's schedules exactly these. One that is as it was keeps its
// next due time and revision; a new one, and one whose time changed, is due from
// now on. The caller rings the bell `schedules` after the commit if changed.
func (s *Store) Apply(ctx context.Context, tx pgx.Tx, project, jobID uuid.UUID, definitions []Definition) (changed bool, err error) {
	q := db.New(tx)
	now, err := q.ClockNow(ctx)
	if err != nil {
		return false, fmt.Errorf("apply schedules: %w", err)
	}
	now = now.UTC().Truncate(time.Second)
	all, err := prepare(definitions, now)
	if err != nil {
		return false, err
	}
	names, inputs := make([]string, len(all)), make([]json.RawMessage, len(all))
	for i, w := range all {
		names[i], inputs[i] = w.Name, w.inputs
	}
	have, err := q.LockOfJob(ctx, names, inputs, jobID)
	if err != nil {
		return false, fmt.Errorf("apply schedules: lock: %w", err)
	}
	c, err := compare(have, all, now)
	if err != nil {
		return false, err
	}
	if err := c.write(ctx, q, project, jobID, now); err != nil {
		return false, fmt.Errorf("apply schedules: %w", err)
	}
	return c.any(), nil
}

// changes are what leads from the schedules that there are to those wanted.
type changes struct {
	remove []uuid.UUID
	add    db.AddParams
	change db.ChangeParams
}

func (c *changes) any() bool { return len(c.remove)+len(c.add.Ids)+len(c.change.Ids) > 0 }

func compare(have []db.LockOfJobRow, all []wanted, now time.Time) (c changes, err error) {
	old := make(map[string]db.LockOfJobRow, len(have))
	for _, h := range have {
		old[h.Name] = h
	}
	for i, w := range all {
		h, known := old[w.Name]
		delete(old, w.Name)
		if known {
			err = c.changeOne(h, w, now)
		} else {
			err = c.addOne(w, now)
		}
		if err != nil {
			return c, at(fmt.Sprintf("spec.schedules[%d]", i), err)
		}
	}
	for _, h := range old {
		c.remove = append(c.remove, h.ID)
	}
	return c, nil
}

func (c *changes) addOne(w wanted, now time.Time) error {
	enabled := w.Enabled == nil || *w.Enabled
	next, err := w.nextAfter(now, enabled)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	a := &c.add
	a.Ids, a.Names, a.Specs, a.Zones = append(a.Ids, id), append(a.Names, w.Name), append(a.Specs, w.Cron), append(a.Zones, w.Zone)
	a.Gaps, a.Folds = append(a.Gaps, w.Gap), append(a.Folds, w.Fold)
	a.OverlapRules, a.CatchUps = append(a.OverlapRules, w.Overlap), append(a.CatchUps, w.CatchUp)
	a.Inputs, a.Enableds, a.NextAts = append(a.Inputs, w.inputs), append(a.Enableds, enabled), append(a.NextAts, next)
	return nil
}

// changeOne does nothing when nothing is different.
func (c *changes) changeOne(h db.LockOfJobRow, w wanted, now time.Time) error {
	enabled := h.Enabled
	if w.Enabled != nil {
		enabled = *w.Enabled
	}
	sameTime := h.Spec == w.Cron && h.Zone == w.Zone && h.Gap == w.Gap && h.Fold == w.Fold
	if sameTime && enabled == h.Enabled && h.Overlap == w.Overlap && h.CatchUp == w.CatchUp && h.SameInputs {
		return nil
	}
	anchor, next := h.AnchorAt, orZero(h.NextFireAt)
	var err error
	switch {
	case !sameTime:
		anchor = now
		next, err = w.nextAfter(later(now, h.LastFireAt), enabled)
	case enabled != h.Enabled:
		if w.plan, err = w.parse(anchor); err == nil {
			next = resume(&w.plan, later(now, h.LastFireAt), enabled)
		}
	}
	if err != nil {
		return err
	}
	u := &c.change
	u.Ids, u.Specs, u.Zones = append(u.Ids, h.ID), append(u.Specs, w.Cron), append(u.Zones, w.Zone)
	u.Gaps, u.Folds = append(u.Gaps, w.Gap), append(u.Folds, w.Fold)
	u.OverlapRules, u.CatchUps = append(u.OverlapRules, w.Overlap), append(u.CatchUps, w.CatchUp)
	u.Inputs, u.Enableds = append(u.Inputs, w.inputs), append(u.Enableds, enabled)
	u.AnchorAts, u.NextAts = append(u.AnchorAts, anchor), append(u.NextAts, next)
	return nil
}

// nextAfter refuses a time that is over before it begins.
func (w *wanted) nextAfter(after time.Time, enabled bool) (time.Time, error) {
	next, ok := w.plan.Next(after)
	switch {
	case !enabled:
		return time.Time{}, nil
	case !ok:
		return time.Time{}, cron.ErrInvalid.With("Never fires: %s is over", strings.TrimSpace(strings.TrimPrefix(w.Cron, "@at"))).At("cron")
	}
	return next, nil
}

// resume is the next due time of a schedule that is switched; zero: none.
func resume(plan *Plan, after time.Time, enabled bool) time.Time {
	next, ok := plan.Next(after)
	if !enabled || !ok {
		return time.Time{}
	}
	return next
}

// later makes sure that what was decided stays decided.
func later(now time.Time, last *time.Time) time.Time {
	if last != nil && last.After(now) {
		return *last
	}
	return now
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (c *changes) write(ctx context.Context, q *db.Queries, project, jobID uuid.UUID, now time.Time) error {
	if len(c.remove) > 0 {
		if err := q.Remove(ctx, c.remove); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
	}
	if len(c.add.Ids) > 0 {
		c.add.ProjectID, c.add.JobID, c.add.AnchorAt = project, jobID, now
		if err := q.Add(ctx, c.add); err != nil {
			return fmt.Errorf("add: %w", err)
		}
	}
	if len(c.change.Ids) > 0 {
		if err := q.Change(ctx, c.change); err != nil {
			return fmt.Errorf("change: %w", err)
		}
	}
	return nil
}

// DisableJob disables every schedule of a job that is archived. The caller's
// transaction is the one that archives it.
func (s *Store) DisableJob(ctx context.Context, tx pgx.Tx, jobID uuid.UUID) error {
	if _, err := db.New(tx).DisableOfJob(ctx, jobID); err != nil {
		return fmt.Errorf("disable schedules of job %s: %w", jobID, err)
	}
	return nil
}
