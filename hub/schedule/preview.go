package schedule

import "time"

const maxPreview = 100

// Outlook is what a schedule would do.
type Outlook struct {
	Words string
	Next  []time.Time // in the schedule's zone
	Notes []string    // what clock changes do to it within a year
}

// Preview says what a schedule would do from an instant on, without storing it.
// @every counts from there. It shows at most 100 due times.
func Preview(spec, zone string, o Options, n int, from time.Time) (Outlook, error) {
	if o.Anchor.IsZero() {
		o.Anchor = from
	}
	plan, err := Parse(spec, zone, o)
	if err != nil {
		return Outlook{}, err
	}
	p := Outlook{Words: plan.Words(), Notes: plan.Notes(from, from.AddDate(1, 0, 0))}
	for _, at := range upcoming(&plan, from, min(n, maxPreview)) {
		p.Next = append(p.Next, at.In(plan.Location()))
	}
	return p, nil
}
