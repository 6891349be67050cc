package agentapi

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

const (
	maxFrames  = 64 << 10 // in one chunk
	readAhead  = 8        // chunks of a stream that wait for the database
	maxOwned   = 4096     // attempts that a stream remembers as the agent's
	uploadWord = "upload"
)

// data hands uploads to their session.
type data struct {
	agentv1.UnimplementedHubDataServiceServer
	d *Door
}

type uploadStream = grpc.BidiStreamingServer[agentv1.UploadRequest, agentv1.UploadResponse]

// Upload takes log chunks until the agent has no more.
func (h data) Upload(stream uploadStream) error {
	s, err := h.d.of(stream.Context())
	if err != nil {
		return err
	}
	select {
	case s.uploads <- struct{}{}:
	default:
		return ErrMessage.With("at most %d uploads at once", maxUploads)
	}
	defer func() { <-s.uploads }()
	epoch, ok := wire.EpochFrom(stream.Context())
	if !ok {
		return ErrHelloFirst.With("an upload names the epoch of its session")
	}
	if err := h.d.config.Fleet.CheckEpoch(stream.Context(), s.agent, epoch); err != nil {
		return err
	}
	return (&upload{session: s, stream: stream, owned: map[run.Ref]bool{}}).run(stream.Context())
}

// upload is one stream. It reads ahead a little while chunks are being committed,
// and no further: what does not fit stays with the agent.
type upload struct {
	*session
	stream uploadStream
	owned  map[run.Ref]bool
}

// piece is a chunk that came in.
type piece struct {
	ref   run.Ref
	chunk runlog.Chunk
}

func (u *upload) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := make(chan *agentv1.UploadRequest, readAhead)
	read := make(chan error, 1)
	// It ends when the stream does, which is when we return, at the latest.
	go func() {
		defer close(messages)
		read <- u.read(ctx, messages)
	}()
	if err := u.store(ctx, messages); err != nil {
		return err
	}
	return <-read
}

// read receives. It looks at lengths only: what could panic happens in the handler's
// goroutine.
func (u *upload) read(ctx context.Context, messages chan<- *agentv1.UploadRequest) error {
	for {
		in, err := u.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n := len(in.GetFrames()); n > maxFrames {
			return ErrTooLarge.With("%d bytes in one chunk, at most %d", n, maxFrames)
		}
		select {
		case messages <- in:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func toPiece(in *agentv1.UploadRequest) (piece, error) {
	ref, err := toRef(in.GetRef())
	if err != nil {
		return piece{}, err
	}
	if in.GetOffset() < 0 {
		return piece{}, ErrMessage.With("an offset is negative")
	}
	chunk := runlog.Chunk{RunID: ref.RunID, Attempt: ref.Attempt, Offset: in.GetOffset(), Frames: in.GetFrames()}
	if err := chunk.Check(); err != nil {
		return piece{}, ErrFrames.With("%v", err)
	}
	return piece{ref: ref, chunk: chunk}, nil
}

// store commits what there is, again and again, and acknowledges it.
func (u *upload) store(ctx context.Context, messages <-chan *agentv1.UploadRequest) error {
	for first := range messages {
		batch := []*agentv1.UploadRequest{first}
	more:
		for len(batch) < readAhead {
			select {
			case in, ok := <-messages:
				if !ok {
					break more
				}
				batch = append(batch, in)
			default:
				break more
			}
		}
		pieces, bad := toPieces(batch)
		if err := u.commit(ctx, pieces); err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
	}
	return nil
}

// toPieces returns the good messages before the first bad one, and what is bad.
func toPieces(messages []*agentv1.UploadRequest) ([]piece, error) {
	pieces := make([]piece, 0, len(messages))
	for _, in := range messages {
		p, err := toPiece(in)
		if err != nil {
			return pieces, err
		}
		pieces = append(pieces, p)
	}
	return pieces, nil
}

func (u *upload) commit(ctx context.Context, batch []piece) error {
	if err := u.checkOwners(ctx, batch); err != nil {
		return err
	}
	var chunks []runlog.Chunk
	for _, p := range batch {
		if u.owned[p.ref] {
			chunks = append(chunks, p.chunk)
		}
	}
	durable, err := u.door.chunks.do(ctx, chunks)
	if err != nil {
		return err
	}
	foreign := 0
	for _, p := range batch {
		out := &agentv1.UploadResponse{Ref: fromRef(p.ref), Answer: agentv1.Answer_ANSWER_NOT_YOURS}
		if u.owned[p.ref] {
			out.Answer, out.Durable, durable = agentv1.Answer_ANSWER_ACCEPTED, durable[0], durable[1:]
		} else {
			foreign++
		}
		if err := u.stream.Send(out); err != nil {
			return err
		}
	}
	u.strike(ctx, uploadWord, foreign)
	return nil
}

// checkOwners asks once per attempt whether it is, or was, this agent's.
func (u *upload) checkOwners(ctx context.Context, batch []piece) error {
	if len(u.owned) > maxOwned {
		clear(u.owned)
	}
	var unknown []run.Ref
	for _, p := range batch {
		if _, ok := u.owned[p.ref]; !ok {
			u.owned[p.ref] = false
			unknown = append(unknown, p.ref)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	mine, err := u.door.config.Runs.OwnedBy(ctx, u.agent, unknown)
	if err != nil {
		return err
	}
	for i, ref := range unknown {
		u.owned[ref] = mine[i]
	}
	return nil
}

var _ fleet.Link = (*wire.Session)(nil)
