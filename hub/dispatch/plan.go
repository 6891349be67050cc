package dispatch

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
)

const (
	few       = 4    // agents that are asked for without looking at the queue first
	listLimit = 1000 // runs that are looked at
	maxClaim  = 500  // runs in one claim
	minShare  = 8    // runs that an agent gets at once though others are free too
)

// ready are the agents here with room, those with the least in hand first.
func (d *Dispatch) ready() []*fleet.Live {
	var out []*fleet.Live
	load := map[*fleet.Live]int{}
	for _, l := range d.config.Fleet.Connected() {
		if l.Free() > 0 {
			out = append(out, l)
			load[l] = l.Held()
		}
	}
	slices.SortFunc(out, func(a, b *fleet.Live) int { return load[a] - load[b] })
	return out
}

// share is how many runs an agent is asked for in one round: all it can take if it
// is alone, else about half, so that the next one gets some too.
func share(l *fleet.Live, alone bool) int {
	free := l.Free()
	if !alone {
		free = min(free, max(minShare, free/2))
	}
	return min(free, maxClaim)
}

// claimBlindly claims for a few agents, round by round, until nobody gets more.
func (d *Dispatch) claimBlindly(ctx context.Context, agents []*fleet.Live) (int, error) {
	total := 0
	for len(agents) > 0 {
		alone := len(agents) == 1
		var more []*fleet.Live
		for _, l := range agents {
			want := share(l, alone)
			got, err := d.claim(ctx, l, want)
			if err != nil {
				return total, err
			}
			total += len(got)
			if want > 0 && len(got) == want && l.Free() > 0 {
				more = append(more, l)
			}
		}
		agents = more
	}
	return total, nil
}

// plan is the head of the queue, grouped by what an agent must be.
type plan struct {
	waiting []run.Queueing
	groups  []*group
	of      map[uuid.UUID]*group // by run, while it waits
}

type group struct {
	project uuid.UUID
	target  map[string]string
	left    int
}

func newPlan(waiting []run.Queueing) *plan {
	p := &plan{waiting: waiting, of: make(map[uuid.UUID]*group, len(waiting))}
	for _, w := range waiting {
		if w.Delayed {
			continue
		}
		g := p.group(w.ProjectID, w.Target)
		g.left++
		p.of[w.RunID] = g
	}
	return p
}

// group finds the group of a target; there are few.
func (p *plan) group(project uuid.UUID, target map[string]string) *group {
	for _, g := range p.groups {
		if g.project == project && len(g.target) == len(target) && covers(target, g.target) {
			return g
		}
	}
	g := &group{project: project, target: target}
	p.groups = append(p.groups, g)
	return g
}

// takenBy is how many runs of the plan an agent could take.
func (p *plan) takenBy(l *fleet.Live) int {
	n := 0
	for _, g := range p.groups {
		if g.left > 0 && g.project == l.ProjectID && covers(l.Labels, g.target) {
			n += g.left
		}
	}
	return n
}

func (p *plan) done(claimed []run.Claimed) {
	for _, c := range claimed {
		if g := p.of[c.RunID]; g != nil {
			g.left--
			delete(p.of, c.RunID)
		}
	}
}

// left are the runs that nobody took. Those that wait for a time are not among them.
func (p *plan) left() []run.Queueing {
	var out []run.Queueing
	for _, w := range p.waiting {
		if p.of[w.RunID] != nil {
			out = append(out, w)
		}
	}
	return out
}

// claimPlanned claims for those agents only that something in the plan is for.
func (d *Dispatch) claimPlanned(ctx context.Context, agents []*fleet.Live, p *plan) (int, error) {
	total := 0
	for len(agents) > 0 && len(p.of) > 0 {
		var more []*fleet.Live
		for _, l := range agents {
			could := p.takenBy(l)
			if could == 0 {
				continue
			}
			want := min(share(l, len(agents) == 1), could)
			got, err := d.claim(ctx, l, want)
			if err != nil {
				return total, err
			}
			p.done(got)
			total += len(got)
			if len(got) == want && l.Free() > 0 {
				more = append(more, l)
			}
		}
		agents = more
	}
	return total, nil
}

// claim takes runs for an agent and starts sending them.
func (d *Dispatch) claim(ctx context.Context, l *fleet.Live, n int) ([]run.Claimed, error) {
	if n <= 0 {
		return nil, nil
	}
	claimed, err := d.config.Runs.Claim(ctx, l.AgentID, l.Epoch, l.Labels, l.ProjectID, n)
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	l.Give(d.config.Now(), keysOf(claimed)...)
	sendCtx := context.WithoutCancel(ctx)
	d.sending.Go(func() { d.send(sendCtx, l, claimed) })
	return claimed, nil
}

// covers reports whether has contains everything that need names.
func covers(has, need map[string]string) bool {
	for key, value := range need {
		if has[key] != value {
			return false
		}
	}
	return true
}

func keysOf(claimed []run.Claimed) []fleet.Attempt {
	out := make([]fleet.Attempt, len(claimed))
	for i, c := range claimed {
		out[i] = fleet.Attempt{RunID: c.RunID, Fence: c.Fence}
	}
	return out
}
