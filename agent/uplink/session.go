package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/supervisor"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

const (
	protocol         = 1
	maxBatch         = 500
	defaultHeartbeat = 10 * time.Second
)

// session is one control connection after Hello.
type session struct {
	*Uplink
	wire  *wire.Session
	hub   agentv1.HubServiceClient
	epoch int64
	bulk  *bulk
}

// session leads one connection from dial to end.
func (u *Uplink) session(ctx context.Context) error {
	if u.cfg.Identity.expired(u.cfg.Now()) {
		if err := u.renewExpired(ctx); err != nil {
			return err
		}
	}
	conn, err := u.dial(ctx, wire.ALPNAgent)
	if err != nil {
		return err
	}
	server := wire.NewServer()
	agentv1.RegisterAgentServiceServer(server, &service{uplink: u})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = conn.Serve(server)
	}()
	b := &bulk{dial: func(ctx context.Context) (dataConn, error) { return u.dialWith(ctx, conn) }}
	err = u.talk(ctx, &session{Uplink: u, wire: conn, hub: agentv1.NewHubServiceClient(conn.Client()), bulk: b})
	conn.Close(err)
	b.end()
	server.Stop()
	<-served
	return err
}

// talk is everything between Hello and the end.
func (u *Uplink) talk(ctx context.Context, s *session) error {
	hello, err := s.hello(ctx)
	if err != nil {
		return err
	}
	s.epoch = hello.GetEpoch()
	u.cfg.Attempts.Drop(refs(hello.GetDrop()))
	u.cfg.Attempts.NewSession()
	u.online(s, hello)
	u.cfg.Upgrades.Welcome()
	defer u.offline(nil)
	u.cfg.Log.InfoContext(ctx, "connected", "hub", u.cfg.Identity.Hub, "name", hello.GetName(), "epoch", s.epoch)
	group, ctx := errgroup.WithContext(ctx)
	bells := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	group.Go(func() error { return fan(ctx, u.cfg.Attempts.Bell(), bells[:]) })
	group.Go(func() error { return each(ctx, bells[0], s.ask) })
	group.Go(func() error { return each(ctx, bells[1], s.report) })
	group.Go(func() error { return s.heartbeats(ctx, hello.GetHeartbeat().AsDuration()) })
	group.Go(func() error { return s.renewals(ctx) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wire.Done():
			return fmt.Errorf("the hub closed the connection: %w", s.wire.Cause())
		}
	})
	return group.Wait()
}

// fan rings every bell when one rings.
func fan(ctx context.Context, from <-chan struct{}, to []chan struct{}) error {
	for {
		for _, bell := range to {
			select {
			case bell <- struct{}{}:
			default:
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-from:
		}
	}
}

// each takes a step whenever the bell rings, as often as there is something to do.
func each(ctx context.Context, bell <-chan struct{}, step func(context.Context) (more bool, err error)) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-bell:
		}
		for more := true; more; {
			var err error
			if more, err = step(ctx); err != nil {
				return err
			}
		}
	}
}

func (s *session) hello(ctx context.Context) (*agentv1.HelloResponse, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	in := &agentv1.HelloRequest{
		Protocol: protocol, Version: s.cfg.Version, BootId: s.bootID, MachineId: machineID(),
		JournalId: s.cfg.Journal.ID(), MaxFence: s.cfg.Journal.MaxFence(),
		Slots: int32(s.cfg.Slots), Labels: AllLabels(s.facts, s.cfg.Identity.Labels), Facts: s.facts,
		Draining: s.cfg.Drain.Untold(),
	}
	for _, h := range s.cfg.Attempts.Held() {
		in.Held = append(in.Held, &agentv1.Held{Ref: ref(h.Ref), Phase: phases[h.Phase], LogBytes: h.LogBytes})
	}
	out, err := s.hub.Hello(ctx, in)
	if err != nil {
		return nil, explain(err)
	}
	s.told(ctx, in.Draining, out.Draining)
	return out, nil
}

var phases = map[supervisor.Phase]agentv1.Phase{
	supervisor.Assigned: agentv1.Phase_PHASE_ASSIGNED,
	supervisor.Starting: agentv1.Phase_PHASE_STARTING,
	supervisor.Running:  agentv1.Phase_PHASE_RUNNING,
	supervisor.Finished: agentv1.Phase_PHASE_FINISHED,
}

// ask asks whether assigned attempts may start.
func (s *session) ask(ctx context.Context) (bool, error) {
	asked := s.cfg.Attempts.Accepts(maxBatch)
	if len(asked) == 0 {
		return false, nil
	}
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	out, err := s.hub.Accept(ctx, &agentv1.AcceptRequest{Attempts: protoRefs(asked)})
	if err != nil {
		return false, fmt.Errorf("ask for the start of %d attempts: %w", len(asked), explain(err))
	}
	var decisions []supervisor.Decision
	for _, g := range out.GetGrants() {
		if g.GetDecision() != agentv1.Decision_DECISION_UNSPECIFIED {
			decisions = append(decisions, supervisor.Decision{Ref: fromProto(g.GetRef()), Granted: g.GetDecision() == agentv1.Decision_DECISION_GRANTED})
		}
	}
	s.cfg.Attempts.Decide(decisions)
	return true, nil
}

// report tells what has started and ended.
func (s *session) report(ctx context.Context) (bool, error) {
	started, results := s.cfg.Attempts.Reports(maxBatch)
	if len(started)+len(results) == 0 {
		return false, nil
	}
	in := &agentv1.ReportRequest{}
	for _, m := range started {
		in.Started = append(in.Started, &agentv1.Started{Ref: ref(m.Ref), Age: durationpb.New(m.Age)})
	}
	for _, r := range results {
		in.Results = append(in.Results, result(r))
	}
	callCtx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	out, err := s.hub.Report(callCtx, in)
	if err != nil {
		return false, fmt.Errorf("report %d results: %w", len(results), explain(err))
	}
	verdicts := out.GetVerdicts()
	if len(verdicts) != len(started)+len(results) {
		return false, fmt.Errorf("the hub answered %d of %d reports", len(verdicts), len(started)+len(results))
	}
	for i, v := range verdicts[len(started):] {
		if v.GetAnswer() != agentv1.Answer_ANSWER_UNSPECIFIED {
			s.cfg.Attempts.Acknowledge(ctx, results[i].Ref, v.GetAnswer() != agentv1.Answer_ANSWER_NOT_YOURS)
		}
	}
	return true, nil
}

var outcomes = map[journal.Outcome]agentv1.Outcome{
	journal.Succeeded:      agentv1.Outcome_OUTCOME_SUCCEEDED,
	journal.Failed:         agentv1.Outcome_OUTCOME_FAILED,
	journal.TimedOut:       agentv1.Outcome_OUTCOME_TIMED_OUT,
	journal.Cancelled:      agentv1.Outcome_OUTCOME_CANCELLED,
	journal.NotStarted:     agentv1.Outcome_OUTCOME_NOT_STARTED,
	journal.Infrastructure: agentv1.Outcome_OUTCOME_INFRASTRUCTURE,
	journal.Rejected:       agentv1.Outcome_OUTCOME_REJECTED,
}

func result(r supervisor.Result) *agentv1.Result {
	out := &agentv1.Result{
		Ref: ref(r.Ref), Outcome: outcomes[r.Exit.Outcome], ExitCode: int32(r.Exit.Code), Signal: r.Exit.Signal,
		Duration: durationpb.New(r.Exit.Duration), Age: durationpb.New(r.Age),
		LogBytes: r.Exit.LogBytes, DroppedBytes: r.Exit.Dropped, Sha256: r.Digest,
		Image: r.Launch.Image, ImageDigest: r.Launch.Digest,
	}
	for _, p := range r.Phases {
		out.Stages = append(out.Stages, &agentv1.Stage{Name: p.Name, Duration: durationpb.New(p.Duration)})
	}
	if p := r.Exit.Problem; p != nil {
		out.Problem = &agentv1.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
	}
	return out
}

// heartbeats keeps the leases of what we hold, tells what was decided here, and takes
// orders.
func (s *session) heartbeats(ctx context.Context, every time.Duration) error {
	if every <= 0 {
		every = defaultHeartbeat
	}
	for {
		timer := time.NewTimer(every*8/10 + rand.N(every*4/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		case <-s.cfg.Drain.Bell():
		case <-s.cfg.Upgrades.Bell():
		}
		timer.Stop()
		if err := s.heartbeat(ctx); err != nil {
			return err
		}
	}
}

func (s *session) heartbeat(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	failed := s.cfg.Upgrades.Failure()
	in := &agentv1.HeartbeatRequest{FreeSlots: int32(s.cfg.Attempts.FreeSlots()), Draining: s.cfg.Drain.Untold(), UpgradeFailure: failure(failed)}
	for _, h := range s.cfg.Attempts.Held() {
		in.Held = append(in.Held, ref(h.Ref))
	}
	out, err := s.hub.Heartbeat(ctx, in)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", explain(err))
	}
	s.cfg.Attempts.Drop(refs(out.GetDrop()))
	cancel(s.cfg.Attempts, out.GetCancel())
	s.told(ctx, in.Draining, out.Draining)
	if failed != nil {
		s.cfg.Upgrades.Told(failed)
	}
	if len(out.GetUpgrade()) > 0 {
		s.cfg.Upgrades.Order(out.GetUpgrade())
	}
	return nil
}

// renewals renews the certificate at about two thirds of its life.
func (s *session) renewals(ctx context.Context) error {
	for {
		if err := wait(ctx, s.cfg.Identity.renewIn(s.cfg.Now())); err != nil {
			return err
		}
		err := s.renew(ctx, s.hub)
		if err == nil {
			return errRenewed
		}
		s.cfg.Log.WarnContext(ctx, "renew the certificate", "err", err)
		if err := wait(ctx, time.Minute/2+rand.N(time.Minute)); err != nil {
			return err
		}
	}
}

// renew exchanges the certificate for one with a new key.
func (u *Uplink) renew(ctx context.Context, hub agentv1.HubServiceClient) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	key, err := wire.NewKey()
	if err != nil {
		return err
	}
	csr, err := wire.CSR(key)
	if err != nil {
		return err
	}
	out, err := hub.Renew(ctx, &agentv1.RenewRequest{CsrDer: csr, Generation: u.cfg.Identity.currentGeneration()})
	if err != nil {
		return explain(err)
	}
	if err := u.cfg.Identity.adopt(key, out.GetCertificate()); err != nil {
		return fmt.Errorf("write the new certificate: %w", err)
	}
	u.cfg.Log.InfoContext(ctx, "certificate renewed", "until", out.GetCertificate().GetNotAfter().AsTime())
	return nil
}

// renewExpired renews an expired certificate over the protocol made for that.
func (u *Uplink) renewExpired(ctx context.Context) error {
	conn, err := u.dial(ctx, wire.ALPNRenew)
	if err != nil {
		return err
	}
	defer conn.Close(nil)
	if err := u.renew(ctx, agentv1.NewHubServiceClient(conn.Client())); err != nil {
		return fmt.Errorf("renew the expired certificate: %w", err)
	}
	return nil
}

// Credentials asks the hub for what opens the servers of an attempt, once there is a
// session.
func (u *Uplink) Credentials(ctx context.Context, attempt journal.Ref) ([]*agentv1.Credential, error) {
	s, err := u.current(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	out, err := s.hub.Credentials(ctx, &agentv1.CredentialsRequest{Ref: ref(attempt)})
	if err != nil {
		return nil, explain(err)
	}
	return out.GetCredentials(), nil
}

// OpenLog opens a stream for logs on a connection of its own, once there is a
// session. Stream and connection end with ctx, and with the session.
func (u *Uplink) OpenLog(ctx context.Context) (agentv1.HubDataService_UploadClient, error) {
	s, err := u.current(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := u.dial(ctx, wire.ALPNData)
	if err != nil {
		return nil, err
	}
	stream, err := agentv1.NewHubDataServiceClient(conn.Client()).Upload(wire.WithEpoch(ctx, s.epoch))
	if err != nil {
		conn.Close(err)
		return nil, explain(err)
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-s.wire.Done():
		case <-conn.Done():
		}
		conn.Close(errors.New("the session has ended"))
	}()
	return stream, nil
}
