package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/proto/payload"
)

// Wishes are what people want of an agent besides runs. They are kept until the
// agent has obeyed, so it may be offline when they are made, and any replica may
// hold its session.
type Wishes struct {
	Draining bool   // it gets nothing new
	Upgrade  string // the version that it shall become; "" for none, or one that it has failed
}

// wanted is the version to become, unless it has been tried and failed.
func wanted(version, problem string) string {
	if problem != "" {
		return ""
	}
	return version
}

// wishPoll is how far back changed wishes are looked for. Like revocations, they are
// not committed in the order of their times.
const wishPoll = time.Minute

// refreshWishes tells the sessions of this replica what was decided lately.
func (f *Fleet) refreshWishes(ctx context.Context) error {
	rows, err := f.queries().Wishes(ctx, wishPoll.Seconds(), f.config.HubID)
	if err != nil {
		return fmt.Errorf("read wishes: %w", err)
	}
	for _, row := range rows {
		if l := f.live.get(row.ID); l != nil {
			l.wish(Wishes{Draining: row.Draining, Upgrade: wanted(row.UpgradeVersion, row.UpgradeProblem)})
		}
	}
	return nil
}

// Wishes are those that this replica knows of.
func (l *Live) Wishes() Wishes {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wishes
}

func (l *Live) wish(w Wishes) {
	l.mu.Lock()
	freed := l.wishes.Draining && !w.Draining
	l.wishes = w
	l.mu.Unlock()
	if freed {
		l.freed()
	}
}

// SetDraining decides whether an agent gets work. What it runs is left alone.
func (f *Fleet) SetDraining(ctx context.Context, actor authz.Actor, project uuid.UUID, name string, on bool) error {
	if err := actor.Check(authz.HostEdit, project); err != nil {
		return err
	}
	id, err := f.queries().SetDraining(ctx, on, project, name)
	if noRows(err) {
		return ErrNotFound.With("no host %q", name)
	}
	if err != nil {
		return fmt.Errorf("set draining of agent %s: %w", name, err)
	}
	f.log.InfoContext(ctx, "draining set", "agent", id, "name", name, "draining", on, "by", actor.Email)
	if l := f.live.get(id); l != nil {
		w := l.Wishes()
		w.Draining = on
		l.wish(w)
	}
	f.config.Changed()
	return nil
}

// SaysDraining notes what was decided on the agent's host.
func (f *Fleet) SaysDraining(ctx context.Context, l *Live, on bool) error {
	if err := f.queries().SaysDraining(ctx, on, l.AgentID); err != nil {
		return fmt.Errorf("note draining of agent %s: %w", l.AgentID, err)
	}
	w := l.Wishes()
	w.Draining = on
	l.wish(w)
	f.log.InfoContext(ctx, "draining set on the host", "agent", l.AgentID, "name", l.Name, "draining", on)
	f.config.Changed()
	return nil
}

// Upgrade wants an agent to become a version. One that is that version already is
// left alone.
func (f *Fleet) Upgrade(ctx context.Context, actor authz.Actor, project uuid.UUID, name, version string) error {
	if err := actor.Check(authz.HostEdit, project); err != nil {
		return err
	}
	agent, err := f.Agent(ctx, project, name)
	if err == nil && agent.State == Revoked {
		err = ErrNotFound.With("no host %q", name)
	}
	if err != nil || agent.Version == version {
		return err
	}
	id, err := f.queries().WishUpgrade(ctx, version, project, name)
	if noRows(err) {
		return nil // it was removed, or has become that version, just now
	}
	if err != nil {
		return fmt.Errorf("wish upgrade of agent %s: %w", name, err)
	}
	f.log.InfoContext(ctx, "upgrade wanted", "agent", id, "name", name, "version", version, "by", actor.Email)
	f.config.Changed()
	return nil
}

// maxUpgradeProblem bounds what an agent says of a failure, in runes.
const maxUpgradeProblem = 500

// UpgradeFailed notes why an agent is not the version that was wanted.
func (f *Fleet) UpgradeFailed(ctx context.Context, l *Live, version, why string) error {
	why = cleanText(why, maxUpgradeProblem)
	if why == "" {
		why = "The agent gave no reason"
	}
	n, err := f.queries().UpgradeFailed(ctx, why, l.AgentID, version)
	if err != nil {
		return fmt.Errorf("note failed upgrade of agent %s: %w", l.AgentID, err)
	}
	if n == 0 {
		return nil // of a wish that is no longer one
	}
	w := l.Wishes()
	w.Upgrade = ""
	l.wish(w)
	f.log.WarnContext(ctx, "upgrade failed", "agent", l.AgentID, "name", l.Name, "version", cleanText(version, 64), "why", why)
	f.config.Changed()
	return nil
}

// SignUpgrade vouches for what an agent is to become. Like a payload, it is bound to
// the agent and to this installation here.
func (f *Fleet) SignUpgrade(agent uuid.UUID, u payload.Upgrade) ([]byte, error) {
	u.Instance, u.AgentID = f.config.Instance.String(), agent.String()
	return payload.SignUpgrade(f.orders, u)
}

// Platform is the system and the processor of the agent's host, as it says.
func (l *Live) Platform() (system, arch string) {
	return strings.ToLower(l.Labels["os"]), strings.ToLower(l.Labels["arch"])
}
