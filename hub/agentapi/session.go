package agentapi

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/proto/wire"
)

// session is one connection of an agent, or of a newcomer, who has no agent id.
type session struct {
	door  *Door
	wire  *wire.Session
	agent uuid.UUID
	log   *slog.Logger

	forget   func() // of fleet.Track
	end      *time.Timer
	silence  *time.Timer
	strikes  atomic.Int32
	uploads  chan struct{} // places for streams
	bulky    chan struct{} // places for calls that carry bytes
	accepts  *batcher[run.Ref, run.Decision]
	starts   *batcher[run.StartMark, run.Answer]
	finishes *batcher[run.Result, run.Answer]

	mu   sync.Mutex
	live *fleet.Live // after Hello
}

const (
	briefly    = 30 * time.Second // for enrolling and renewing
	helloWait  = 15 * time.Second
	maxStrikes = 3
	maxUploads = 4
	maxBulky   = 4
)

func (d *Door) newSession(ws *wire.Session) (*session, error) {
	s := &session{door: d, wire: ws, forget: func() {}, log: d.config.Log.With("remote", ws.RemoteAddr().String())}
	cert := ws.PeerCertificate()
	if cert == nil {
		s.closeAfter(&s.end, briefly, ErrSilent.With("an enrolment takes at most %s", briefly))
		return s, nil
	}
	var err error
	if s.agent, err = d.config.Fleet.AgentOf(cert); err != nil {
		return nil, err
	}
	if s.forget, err = d.config.Fleet.Track(cert, ws.Close); err != nil {
		return nil, err
	}
	s.log = s.log.With("agent", s.agent)
	s.uploads, s.bulky = make(chan struct{}, maxUploads), make(chan struct{}, maxBulky)
	if ws.ALPN() == wire.ALPNAgent {
		s.prepareControl()
	}
	s.endWith(cert)
	return s, nil
}

func (s *session) prepareControl() {
	runs := s.door.config.Runs
	s.accepts = newBatcher(&s.door.work, batchItems, func(ctx context.Context, refs []run.Ref) ([]run.Decision, error) {
		return runs.Accept(ctx, s.agent, refs)
	})
	s.starts = newBatcher(&s.door.work, batchItems, func(ctx context.Context, marks []run.StartMark) ([]run.Answer, error) {
		return runs.Started(ctx, s.agent, marks)
	})
	s.finishes = newBatcher(&s.door.work, batchItems, s.finish)
	s.closeAfter(&s.silence, helloWait, ErrHelloFirst.With("no Hello within %s", helloWait))
}

// endWith closes the session when its certificate ends; one that renews an expired
// certificate gets half a minute.
func (s *session) endWith(cert *x509.Certificate) {
	life := cert.NotAfter.Sub(s.door.config.Now())
	if s.wire.ALPN() == wire.ALPNRenew {
		life = briefly
	}
	s.closeAfter(&s.end, life, ErrCertificateEnded)
}

func (s *session) closeAfter(timer **time.Timer, d time.Duration, why error) {
	*timer = time.AfterFunc(d, func() { s.wire.Close(why) })
}

// heard puts off the end by silence.
func (s *session) heard() { s.silence.Reset(s.door.config.Silence) }

// begun returns the live session, which exists after Hello.
func (s *session) begun() (*fleet.Live, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return nil, ErrHelloFirst
	}
	return s.live, nil
}

// strike counts claims about runs that are not this agent's.
func (s *session) strike(ctx context.Context, what string, n int) {
	if n == 0 {
		return
	}
	total := s.strikes.Add(int32(min(n, maxStrikes))) //nolint:gosec // at most maxStrikes
	s.log.WarnContext(ctx, "agent speaks for a run that is not its own", "what", what, "count", n)
	if total >= maxStrikes {
		s.log.ErrorContext(ctx, "session closed after claims about runs of others")
		// After the answer is out, so that the agent can read why.
		time.AfterFunc(100*time.Millisecond, func() { s.wire.Close(ErrStrikes) })
	}
}

// close ends what the session began. The connection is closed already.
func (s *session) close(ctx context.Context) {
	s.forget()
	for _, timer := range []*time.Timer{s.end, s.silence} {
		if timer != nil {
			timer.Stop()
		}
	}
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	if live != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		s.door.config.Fleet.Leave(ctx, live)
		s.log.InfoContext(ctx, "agent disconnected", "name", live.Name, "epoch", live.Epoch, "cause", s.wire.Cause())
	}
}
