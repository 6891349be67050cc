package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
)

// Reasons why a run waits, besides those of hub/run.
const (
	NoAgents   = "no_agents"
	NoMatching = "no_matching_agent"
	Offline    = "matching_agents_offline"
	Full       = "agents_full"
	Draining   = "agents_draining"
)

// explain says, for runs that nobody took, what they wait for: once for all of a
// kind, and only if it is news.
func (d *Dispatch) explain(ctx context.Context, waiting []run.Queueing) error {
	if len(waiting) == 0 {
		return nil
	}
	byProject := map[uuid.UUID]*explainer{}
	var news []run.Waiting
	for _, w := range waiting {
		e := byProject[w.ProjectID]
		if e == nil {
			var err error
			if e, err = d.newExplainer(ctx, w.ProjectID); err != nil {
				return err
			}
			byProject[w.ProjectID] = e
		}
		code, detail := e.why(w.Target)
		if code != "" && (code != w.Reason.Code || detail != w.Reason.Detail) {
			news = append(news, run.Waiting{RunID: w.RunID, Code: code, Detail: detail})
		}
	}
	if err := d.config.Runs.SetReasons(ctx, news); err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	return nil
}

// explainer knows the agents of one project.
type explainer struct {
	agents []fleet.Candidate
	busy   map[uuid.UUID]int
}

func (d *Dispatch) newExplainer(ctx context.Context, project uuid.UUID) (*explainer, error) {
	agents, err := d.config.Fleet.Candidates(ctx, project)
	if err != nil {
		return nil, err
	}
	var online []uuid.UUID
	for _, a := range agents {
		if a.Online {
			online = append(online, a.ID)
		}
	}
	e := &explainer{agents: agents}
	if len(online) > 0 {
		if e.busy, err = d.config.Runs.CountByAgent(ctx, online); err != nil {
			return nil, fmt.Errorf("count: %w", err)
		}
	}
	return e, nil
}

// why returns a code and a sentence, or "" for a run that should be taken any moment.
func (e *explainer) why(target map[string]string) (code, detail string) {
	if len(e.agents) == 0 {
		return NoAgents, "No host has been added to this project yet"
	}
	var matching, online, draining []string
	room := false
	for _, a := range e.agents {
		if !covers(a.Labels, target) {
			continue
		}
		matching = append(matching, a.Name)
		switch {
		case a.Online && a.Draining:
			draining = append(draining, a.Name)
		case a.Online:
			online = append(online, a.Name)
			room = room || e.busy[a.ID] < a.Slots
		}
	}
	switch {
	case len(matching) == 0:
		return NoMatching, e.missing(target)
	case len(online) == 0 && len(draining) > 0:
		return Draining, "Draining, so nothing new starts there: " + some(draining)
	case len(online) == 0:
		return Offline, "Offline: " + some(matching)
	case !room:
		return Full, "All slots are taken on " + some(online)
	}
	return "", ""
}

// missing names the labels that no host has, or what the closest host lacks.
func (e *explainer) missing(target map[string]string) string {
	var nowhere []string
	for _, key := range slices.Sorted(maps.Keys(target)) {
		has := func(a fleet.Candidate) bool { return a.Labels[key] == target[key] }
		if !slices.ContainsFunc(e.agents, has) {
			nowhere = append(nowhere, key+"="+target[key])
		}
	}
	if len(nowhere) > 0 {
		return "No host has the label " + strings.Join(nowhere, " or ")
	}
	closest, lacks := "", []string(nil)
	for _, a := range e.agents {
		var missing []string
		for _, key := range slices.Sorted(maps.Keys(target)) {
			if a.Labels[key] != target[key] {
				missing = append(missing, key+"="+target[key])
			}
		}
		if closest == "" || len(missing) < len(lacks) {
			closest, lacks = a.Name, missing
		}
	}
	return fmt.Sprintf("No host has all labels; %s, the closest, lacks %s", closest, strings.Join(lacks, ", "))
}

// some names up to three.
func some(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}
