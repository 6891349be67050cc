package agentapi

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/cronium/cronium/hub/fleet"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	maxDownloads  = 8         // at once, of all agents; the others wait
	downloadChunk = 256 << 10 // bytes in one message
)

// listen takes what was decided on the agent's host.
func (s *session) listen(ctx context.Context, live *fleet.Live, in *agentv1.HeartbeatRequest) error {
	if in.Draining != nil {
		if err := s.door.config.Fleet.SaysDraining(ctx, live, in.GetDraining()); err != nil {
			return err
		}
	}
	if f := in.GetUpgradeFailure(); f != nil {
		return s.door.config.Fleet.UpgradeFailed(ctx, live, f.GetVersion(), f.GetProblem())
	}
	return nil
}

// orderUpgrade is the signed order to become the version that is wanted, nil if none
// is. What cannot be had is noted as a failure.
func (s *session) orderUpgrade(ctx context.Context, live *fleet.Live) ([]byte, error) {
	wanted := live.Wishes().Upgrade
	if wanted == "" {
		return nil, nil
	}
	order, err := s.door.config.Downloads.For(live.Platform())
	if err == nil && order.Version != wanted {
		err = ErrVersionGone.With("it has %s", order.Version)
	}
	if p, ok := problem.As(err); ok {
		return nil, s.door.config.Fleet.UpgradeFailed(ctx, live, wanted, p.Title+": "+p.Detail)
	}
	if err != nil {
		return nil, err
	}
	return s.door.config.Fleet.SignUpgrade(s.agent, order)
}

// Download hands over one program.
func (h data) Download(in *agentv1.DownloadRequest, stream grpc.ServerStreamingServer[agentv1.DownloadResponse]) error {
	ctx := stream.Context()
	s, err := h.d.of(ctx)
	if err != nil {
		return err
	}
	epoch, ok := wire.EpochFrom(ctx)
	if !ok {
		return ErrHelloFirst.With("a download names the epoch of its session")
	}
	if err := h.d.config.Fleet.CheckEpoch(ctx, s.agent, epoch); err != nil {
		return err
	}
	select {
	case h.d.downloads <- struct{}{}:
		defer func() { <-h.d.downloads }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f, _, err := h.d.config.Downloads.Open(in.GetName())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buffer := make([]byte, downloadChunk)
	for {
		n, err := io.ReadFull(f, buffer)
		if n > 0 {
			if err := stream.Send(&agentv1.DownloadResponse{Data: buffer[:n]}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
