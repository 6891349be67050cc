package logstream

import (
	"context"
	"fmt"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// session is one stream's life.
type session struct {
	*Streamer
	number  int
	stream  Stream
	flying  []chunk // on the way, oldest first
	bytes   int
	answers chan *agentv1.UploadResponse
	broken  chan error
}

// chunk is a piece on the way.
type chunk struct {
	src    *source
	end    int64
	n      int
	resent int
}

// session opens a stream and sends until it breaks, or was idle (nil). It reports
// whether the stream was opened.
func (s *Streamer) session(ctx context.Context, number int) (began bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := s.cfg.Open(ctx)
	if err != nil {
		return false, fmt.Errorf("open the data connection: %w", err)
	}
	t := &session{Streamer: s, number: number, stream: stream,
		answers: make(chan *agentv1.UploadResponse, maxChunks), broken: make(chan error, 1)}
	received := make(chan struct{})
	go func() {
		defer close(received)
		t.receive()
	}()
	err = t.loop(ctx)
	stop()
	<-received
	t.requeue()
	return true, err
}

// receive hands over the answers: there are never more than chunks on the way.
func (t *session) receive() {
	for {
		answer, err := t.stream.Recv()
		if err != nil {
			t.broken <- err
			return
		}
		select {
		case t.answers <- answer:
		default:
			t.broken <- fmt.Errorf("the hub answers what was not sent")
			return
		}
	}
}

func (t *session) loop(ctx context.Context) error {
	idle := time.NewTimer(t.cfg.Idle)
	defer idle.Stop()
	for {
		if err := t.fill(); err != nil {
			return err
		}
		idle.Reset(t.cfg.Idle)
		select {
		case answer := <-t.answers:
			if err := t.answered(answer); err != nil {
				return err
			}
		case err := <-t.broken:
			return err
		case <-t.any:
		case <-idle.C:
			if len(t.flying) == 0 {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fill sends chunks, in turn, as long as there is room.
func (t *session) fill() error {
	for len(t.flying) < maxChunks && t.bytes < maxUnacknowledged {
		select {
		case answer := <-t.answers:
			if err := t.answered(answer); err != nil {
				return err
			}
			continue
		default:
		}
		src := t.next()
		if src == nil {
			return nil
		}
		if err := t.send(src); err != nil {
			return err
		}
	}
	return nil
}

// send sends the next chunk of a source, if there is one.
func (t *session) send(src *source) error {
	if src.stream != t.number { // begin where the hub certainly is
		src.stream, src.sent, src.known, src.flying = t.number, src.durable, false, 0
	}
	if !src.known && src.flying > 0 {
		return nil // its answer will wake it
	}
	ended, size, _ := t.state(src)
	frames, err := src.reader.Chunk(src.sent)
	if err != nil {
		src.settle(err)
		return nil
	}
	if len(frames) == 0 {
		t.drained(src, ended, size)
		return nil
	}
	req := &agentv1.UploadRequest{Offset: src.sent, Frames: frames,
		Ref: &agentv1.AttemptRef{RunId: src.log.Ref.RunID, Attempt: src.log.Ref.Attempt, Fence: src.log.Ref.Fence}}
	if err := t.stream.Send(req); err != nil {
		t.wake(src) // not on the way: the next stream's turn
		return err
	}
	src.sent += int64(len(frames))
	src.flying++
	t.flying = append(t.flying, chunk{src: src, end: src.sent, n: len(frames), resent: src.resent})
	t.bytes += len(frames)
	t.wake(src) // there may be more: to the end of the queue
	return nil
}

// drained looks whether a source without unsent bytes is through.
func (t *session) drained(src *source, ended bool, size int64) {
	switch {
	case !ended || src.flying > 0:
	case src.durable >= size:
		src.settle(nil)
	default:
		src.settle(ErrIncomplete)
	}
}

// answered takes the answer to the oldest chunk on the way.
func (t *session) answered(a *agentv1.UploadResponse) error {
	if len(t.flying) == 0 {
		return fmt.Errorf("the hub answers what was not sent")
	}
	c := t.flying[0]
	t.flying = t.flying[1:]
	t.bytes -= c.n
	c.src.flying--
	if ref := a.GetRef(); ref.GetRunId() != c.src.log.Ref.RunID || ref.GetAttempt() != c.src.log.Ref.Attempt {
		return fmt.Errorf("the hub answers for %s.%d instead of %s", ref.GetRunId(), ref.GetAttempt(), c.src.log.Ref)
	}
	if a.GetAnswer() == agentv1.Answer_ANSWER_NOT_YOURS {
		c.src.settle(ErrRefused)
		return nil
	}
	c.src.known = true
	if c.src.stuck++; a.GetDurable() > c.src.durable {
		c.src.stuck = 0
	}
	if c.src.stuck > maxChunks {
		c.src.stuck = 0
		return fmt.Errorf("the hub confirms nothing of %s beyond %d", c.src.log.Ref, a.GetDurable())
	}
	c.src.durable = max(c.src.durable, a.GetDurable())
	if a.GetDurable() != c.end && c.resent == c.src.resent {
		// The hub has more or less than we thought: go on from there. Answers to what
		// is on the way already say the same and are not heeded again.
		c.src.resent++
		c.src.sent = a.GetDurable()
		c.src.durable = a.GetDurable()
	}
	t.wake(c.src)
	return nil
}

// requeue sees to it that everything unconfirmed is looked at again.
func (t *session) requeue() {
	for _, c := range t.flying {
		t.wake(c.src)
	}
}
