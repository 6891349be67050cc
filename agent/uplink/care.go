package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cronium/cronium/agent/upgrade"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

// Drain is whether this host takes new attempts. It is decided here and in the hub,
// and the last word counts.
type Drain interface {
	Untold() *bool         // decided here, and not heard by the hub; or nil
	Told(on bool) error    // the hub has heard it
	Ordered(on bool) error // the hub's word
	Bell() <-chan struct{} // rings when there is something to tell
}

// Upgrades makes the agent another version.
type Upgrades interface {
	Welcome()                  // the hub has answered our Hello
	Order(signed []byte)       // the hub's order; repeated
	Failure() *upgrade.Failure // not heard by the hub; or nil
	Told(f *upgrade.Failure)   // the hub has heard it
	Bell() <-chan struct{}     // rings when there is something to tell
}

// noDrain is the Drain of an agent that has none.
type noDrain struct{}

func (noDrain) Untold() *bool         { return nil }
func (noDrain) Told(bool) error       { return nil }
func (noDrain) Ordered(bool) error    { return nil }
func (noDrain) Bell() <-chan struct{} { return nil }

// noUpgrades is the Upgrades of an agent that stays as it is.
type noUpgrades struct{}

func (noUpgrades) Welcome()                  {}
func (noUpgrades) Order([]byte)              {}
func (noUpgrades) Failure() *upgrade.Failure { return nil }
func (noUpgrades) Told(*upgrade.Failure)     {}
func (noUpgrades) Bell() <-chan struct{}     { return nil }

// told follows up on what a message has said of draining, and takes the hub's word,
// which an older hub does not have.
func (u *Uplink) told(ctx context.Context, said, ordered *bool) {
	var err error
	if said != nil {
		err = u.cfg.Drain.Told(*said)
	}
	if ordered != nil {
		err = errors.Join(err, u.cfg.Drain.Ordered(*ordered))
	}
	if err != nil {
		u.cfg.Log.WarnContext(ctx, "keep whether to drain", "err", err)
	}
}

// failure is what a heartbeat says of an upgrade that went wrong.
func failure(f *upgrade.Failure) *agentv1.UpgradeFailure {
	if f == nil {
		return nil
	}
	return &agentv1.UpgradeFailure{Version: f.Version, Problem: f.Why}
}

// Fetch writes a program of an order to upgrade. It comes over a connection of its
// own, and needs a session.
func (u *Uplink) Fetch(ctx context.Context, name string, to io.Writer) error {
	s, err := u.current(ctx)
	if err != nil {
		return err
	}
	conn, err := u.dial(ctx, wire.ALPNData)
	if err != nil {
		return err
	}
	defer conn.Close(nil)
	stream, err := agentv1.NewHubDataServiceClient(conn.Client()).Download(wire.WithEpoch(ctx, s.epoch), &agentv1.DownloadRequest{Name: name})
	if err != nil {
		return explain(err)
	}
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explain(err)
		}
		if _, err := to.Write(in.GetData()); err != nil {
			return fmt.Errorf("write it: %w", err)
		}
	}
}
