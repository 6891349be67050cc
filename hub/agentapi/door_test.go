package agentapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/hub/agentapi"
	"github.com/cronium/cronium/hub/dispatch"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/frame"
	"github.com/cronium/cronium/proto/payload"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/proto/wire/jointoken"
)

func TestRunTravelsToAnAgentAndItsResultAndLogTravelBack(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	sealed, err := w.keys.Seal([]byte(`{"api-key":"hunter22"}`), dispatch.InputsAAD(w.job))
	if err != nil {
		t.Fatal(err)
	}
	r := w.start(t, 1, func(r *run.Request) { r.SealedInputs = sealed })[0]

	one := a.next(t)
	order, err := payload.Keys(a.resp.GetSigningKeys()).Open(one.GetPayload())
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"A": "1", "CRONIUM_ATTEMPT": "1", "CRONIUM_JOB": "hello", "CRONIUM_PROJECT": "default", "CRONIUM_RUN_ID": run.FormatID(r.ID),
		"CRONIUM_INPUT_DEPTH": "3", "CRONIUM_INPUT_LOG_PATH": "/var/log", "CRONIUM_INPUTS": string(order.GetInputsJson()),
	}
	if diff := cmp.Diff(env, order.GetEnv()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	var inputs map[string]any
	if err := json.Unmarshal(order.GetInputsJson(), &inputs); err != nil || inputs["log-path"] != "/var/log" {
		t.Errorf("inputs = %s, %v", order.GetInputsJson(), err)
	}
	if order.GetAgentId() != a.id.String() || order.GetInstance() != a.resp.GetInstanceId() {
		t.Errorf("signed for agent %s of %s, want %s of %s", order.GetAgentId(), order.GetInstance(), a.id, a.resp.GetInstanceId())
	}
	if !bytes.Equal(order.GetScript().GetSource(), w.script) || order.GetRef().GetFence() != one.GetRef().GetFence() || order.GetLogLimitBytes() != 256<<20 {
		t.Errorf("payload = %v", order)
	}
	if bytes.Contains(one.GetPayload(), []byte("hunter22")) {
		t.Error("a secret is in the payload, which agents keep on disk")
	}
	if one.GetSecretEnv()["CRONIUM_INPUT_API_KEY"] != "hunter22" || len(one.GetMask()) != 1 || string(one.GetMask()[0]) != "hunter22" {
		t.Errorf("secret_env = %v, mask = %q", one.GetSecretEnv(), one.GetMask())
	}

	if got := a.accept(t, one.GetRef()); got[0] != agentv1.Decision_DECISION_GRANTED {
		t.Fatalf("Accept = %v", got)
	}
	if got := a.report(t, &agentv1.ReportRequest{Started: []*agentv1.Started{{Ref: one.GetRef(), Age: durationpb.New(time.Millisecond)}}}); got[0] != agentv1.Answer_ANSWER_ACCEPTED {
		t.Fatalf("Started = %v", got)
	}
	if got := w.state(t, r.ID); got.State != run.Running || got.StartedAt == nil {
		t.Fatalf("run is %s, started %v", got.State, got.StartedAt)
	}

	log := frame.Append(nil, frame.Stdout, time.Now(), []byte("hello\n"))
	up := a.upload(t, a.hello.GetEpoch())
	out := exchange(t, up, &agentv1.UploadRequest{Ref: one.GetRef(), Frames: log})
	if out.GetDurable() != int64(len(log)) || out.GetAnswer() != agentv1.Answer_ANSWER_ACCEPTED {
		t.Fatalf("Upload = %v", out)
	}
	out = exchange(t, up, &agentv1.UploadRequest{Ref: one.GetRef(), Offset: 4096, Frames: log})
	if out.GetDurable() != int64(len(log)) {
		t.Fatalf("a gap was answered with %v, want the durable length", out)
	}
	out = exchange(t, up, &agentv1.UploadRequest{Ref: one.GetRef(), Frames: log})
	if out.GetDurable() != int64(len(log)) {
		t.Fatalf("a repetition was answered with %v", out)
	}

	result := success(one.GetRef(), int64(len(log)))
	for _, want := range []agentv1.Answer{agentv1.Answer_ANSWER_ACCEPTED, agentv1.Answer_ANSWER_DUPLICATE} {
		if got := a.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{result}}); got[0] != want {
			t.Fatalf("Result = %v, want %v", got, want)
		}
	}
	if got := w.state(t, r.ID); got.State != run.Succeeded {
		t.Fatalf("run is %s", got.State)
	}
	head, err := w.logs.Head(t.Context(), r.ID, 1)
	if err != nil || !head.Complete || head.Lines != 1 {
		t.Fatalf("log head = %+v, %v", head, err)
	}
}

func TestStartAndResultInOneReportAreOneWrite(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	runs := w.start(t, 3)
	var refs []*agentv1.AttemptRef
	for range runs {
		refs = append(refs, a.next(t).GetRef())
	}
	a.accept(t, refs...)
	got := a.report(t, &agentv1.ReportRequest{
		Started: []*agentv1.Started{{Ref: refs[0]}, {Ref: refs[1]}},
		Results: []*agentv1.Result{success(refs[1], 0), success(refs[2], 0)},
	})
	if len(got) != 4 || slices.ContainsFunc(got, func(a agentv1.Answer) bool { return a != agentv1.Answer_ANSWER_ACCEPTED }) {
		t.Fatalf("verdicts = %v", got)
	}
}

// An agent that speaks for another's run changes nothing, and is thrown out when it
// insists.
func TestAgentCannotSpeakForAnothersRun(t *testing.T) {
	w := newWorld(t)
	owner := w.agent(t, "owner")
	r := w.start(t, 1)[0]
	ref := owner.next(t).GetRef()
	owner.accept(t, ref)
	before := w.rows(t)

	thief := w.agent(t, "thief")
	if got := thief.accept(t, ref); got[0] != agentv1.Decision_DECISION_STALE {
		t.Errorf("Accept = %v, want stale", got)
	}
	if got := thief.report(t, &agentv1.ReportRequest{Started: []*agentv1.Started{{Ref: ref}}}); got[0] != agentv1.Answer_ANSWER_NOT_YOURS {
		t.Errorf("Started = %v, want not yours", got)
	}
	beat, err := thief.hub.Heartbeat(t.Context(), &agentv1.HeartbeatRequest{Held: []*agentv1.AttemptRef{ref}})
	if err != nil || len(beat.GetDrop()) != 1 {
		t.Errorf("Heartbeat = %v, %v; want an order to drop", beat, err)
	}
	up := thief.upload(t, thief.hello.GetEpoch())
	out := exchange(t, up, &agentv1.UploadRequest{Ref: ref, Frames: frame.Append(nil, frame.Stdout, time.Now(), []byte("x"))})
	if out.GetAnswer() != agentv1.Answer_ANSWER_NOT_YOURS {
		t.Errorf("Upload = %v, want not yours", out)
	}
	if got := thief.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(ref, 0)}}); got[0] != agentv1.Answer_ANSWER_NOT_YOURS {
		t.Errorf("Result = %v, want not yours", got)
	}
	if diff := cmp.Diff(before, w.rows(t)); diff != "" {
		t.Errorf("rows changed (-before +after):\n%s", diff)
	}
	thief.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(ref, 0)}})
	select {
	case <-thief.control.Done():
	case <-time.After(10 * time.Second):
		t.Error("the session lives after three strikes")
	}
	if got := owner.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(ref, 0)}}); got[0] != agentv1.Answer_ANSWER_ACCEPTED {
		t.Errorf("the owner's result = %v", got)
	}
	if got := w.state(t, r.ID); got.State != run.Succeeded {
		t.Errorf("run is %s", got.State)
	}
}

// rows is everything about runs and logs.
func (w *world) rows(t *testing.T) []string {
	t.Helper()
	rows, err := w.db.Pool.Query(t.Context(), `select q::text from run_queue q union all select r::text from runs r
		union all select a::text from attempts a union all select l::text from log_heads l`)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestStaleFenceIsRefused(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	w.start(t, 1)
	ref := a.next(t).GetRef()
	stale := proto.CloneOf(ref)
	stale.Fence--
	if stale.Fence == 0 {
		stale.Fence = 99
	}
	if got := a.accept(t, stale, ref); got[0] != agentv1.Decision_DECISION_STALE || got[1] != agentv1.Decision_DECISION_GRANTED {
		t.Fatalf("Accept = %v", got)
	}
}

func TestRefusedAssignmentGoesBackAndSaysWhy(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	a.refuse = func(*agentv1.Assignment) *agentv1.Problem {
		return &agentv1.Problem{Code: "disk_full", Title: "Disk is full", Detail: "/var has 0 bytes"}
	}
	r := w.start(t, 1)[0]
	eventually(t, "the run says why it waits", func() bool {
		got := w.state(t, r.ID)
		return got.State == run.Queued && got.Reason != nil && bytes.Contains([]byte(got.Reason.Detail), []byte("Disk is full"))
	})
}

func TestCancelReachesTheAgentAtOnceAndWithEveryHeartbeat(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	r := w.start(t, 1)[0]
	ref := a.next(t).GetRef()
	a.accept(t, ref)
	if _, err := w.runs.Cancel(t.Context(), w.admin, w.project, r.ID); err != nil {
		t.Fatal(err)
	}
	ring(w.cancel)
	select {
	case c := <-a.cancels:
		if !proto.Equal(c.GetRef(), ref) {
			t.Fatalf("cancelled %v, want %v", c.GetRef(), ref)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the agent was not told")
	}
	for range 2 {
		beat, err := a.hub.Heartbeat(t.Context(), &agentv1.HeartbeatRequest{Held: []*agentv1.AttemptRef{ref}, FreeSlots: 15})
		if err != nil || len(beat.GetCancel()) != 1 {
			t.Fatalf("Heartbeat = %v, %v; want the cancel again", beat, err)
		}
	}
}

func TestAgentGetsNoMoreThanItHasSlots(t *testing.T) {
	w := newWorld(t)
	a := w.connect(t, w.enrol(t, "one"), greeting(2))
	w.start(t, 5)
	first, second := a.next(t).GetRef(), a.next(t).GetRef()
	a.accept(t, first, second)
	eventually(t, "the others know that all slots are taken", func() bool {
		page, err := w.runs.Queued(t.Context(), 10)
		return err == nil && len(page) == 3 && page[0].Reason.Code == dispatch.Full
	})
	if len(a.assigned) != 0 {
		t.Fatalf("%d more were assigned", len(a.assigned))
	}
	a.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(first, 0)}})
	a.next(t)
}

func TestWaitingRunsSayWhatTheyWaitFor(t *testing.T) {
	w := newWorld(t)
	reason := func(id uuid.UUID) string {
		r := w.state(t, id)
		if r.Reason == nil {
			return ""
		}
		return r.Reason.Code + ": " + r.Reason.Detail
	}
	expect := func(id uuid.UUID, want string) {
		t.Helper()
		eventually(t, want, func() bool { return reason(id) == want })
	}
	gpu := w.start(t, 1, func(r *run.Request) { r.Target = map[string]string{"gpu": "yes", "os": "linux"} })[0]
	expect(gpu.ID, "no_agents: No host has been added to this project yet")
	i := w.enrol(t, "one")
	expect(gpu.ID, "no_matching_agent: No host has the label gpu=yes")
	plain := w.start(t, 1)[0]
	expect(plain.ID, "matching_agents_offline: Offline: one")
	a := w.connect(t, i, greeting(1))
	if got := a.next(t).GetRef().GetRunId(); got != plain.ID.String() {
		t.Fatalf("assigned %s, want %s", got, plain.ID)
	}
}

func TestWorkIsSharedByTwoIdleAgents(t *testing.T) {
	w := newWorld(t)
	a, b := w.connect(t, w.enrol(t, "a"), greeting(32)), w.connect(t, w.enrol(t, "b"), greeting(32))
	w.start(t, 32)
	eventually(t, "all are assigned", func() bool { return len(a.assigned)+len(b.assigned) == 32 })
	if len(a.assigned) < 8 || len(b.assigned) < 8 {
		t.Fatalf("%d and %d", len(a.assigned), len(b.assigned))
	}
}

func TestReturningAgentKeepsWhatItHoldsAndLosesWhatItNeverAccepted(t *testing.T) {
	w := newWorld(t)
	i := w.enrol(t, "one")
	a := w.connect(t, i, greeting(2))
	runs := w.start(t, 2)
	kept, lost := a.next(t).GetRef(), a.next(t).GetRef()
	a.accept(t, kept)
	a.report(t, &agentv1.ReportRequest{Started: []*agentv1.Started{{Ref: kept}}})
	a.control.Close(nil)

	hello := greeting(1)
	ghost := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 7}
	hello.Held = []*agentv1.Held{{Ref: kept, Phase: agentv1.Phase_PHASE_RUNNING}, {Ref: ghost, Phase: agentv1.Phase_PHASE_RUNNING}}
	again := w.connect(t, i, hello)
	if again.hello.GetEpoch() != a.hello.GetEpoch()+1 {
		t.Errorf("epoch %d after %d", again.hello.GetEpoch(), a.hello.GetEpoch())
	}
	if drop := again.hello.GetDrop(); len(drop) != 1 || !proto.Equal(drop[0], ghost) {
		t.Errorf("drop = %v, want the ghost", drop)
	}
	states := map[string]run.State{}
	for _, r := range runs {
		states[r.ID.String()] = w.state(t, r.ID).State
	}
	if states[kept.GetRunId()] != run.Running || states[lost.GetRunId()] != run.Queued {
		t.Errorf("states = %v", states)
	}
	up := again.upload(t, a.hello.GetEpoch())
	if _, err := up.Recv(); !errors.Is(wire.Problem(err), fleet.ErrEpoch) {
		t.Errorf("Upload with the old epoch = %v, want stale_epoch", err)
	}
}

func TestSecondMachineIsTurnedAway(t *testing.T) {
	w := newWorld(t)
	i := w.enrol(t, "one")
	w.connect(t, i, greeting(1))
	s := w.dial(t, i, wire.ALPNAgent)
	hello := greeting(1)
	hello.MachineId = "m2"
	_, err := agentv1.NewHubServiceClient(s.Client()).Hello(t.Context(), hello)
	if !errors.Is(wire.Problem(err), fleet.ErrDuplicate) {
		t.Fatalf("Hello = %v, want duplicate_identity", err)
	}
}

func TestProtocolOfAnotherVersionIsNamed(t *testing.T) {
	w := newWorld(t)
	i := w.enrol(t, "one")
	hub := agentv1.NewHubServiceClient(w.dial(t, i, wire.ALPNAgent).Client())
	for p, want := range map[int32]error{9: agentapi.ErrTooNew, 0: agentapi.ErrTooOld} {
		if _, err := hub.Hello(t.Context(), &agentv1.HelloRequest{Protocol: p}); !errors.Is(wire.Problem(err), want) {
			t.Errorf("Hello with protocol %d = %v, want %v", p, err, want)
		}
	}
}

func TestConnectionServesOnlyItsCalls(t *testing.T) {
	w := newWorld(t)
	i := w.enrol(t, "one")
	data := agentv1.NewHubServiceClient(w.dial(t, i, wire.ALPNData).Client())
	if _, err := data.Hello(t.Context(), greeting(1)); !errors.Is(wire.Problem(err), agentapi.ErrNotAllowed) {
		t.Errorf("Hello on the data connection = %v", err)
	}
	control := w.dial(t, i, wire.ALPNAgent)
	if _, err := agentv1.NewHubServiceClient(control.Client()).Accept(t.Context(), &agentv1.AcceptRequest{}); !errors.Is(wire.Problem(err), agentapi.ErrHelloFirst) {
		t.Errorf("Accept before Hello = %v", err)
	}
	if _, err := agentv1.NewEnrolmentServiceClient(control.Client()).Enrol(t.Context(), &agentv1.EnrolRequest{}); !errors.Is(wire.Problem(err), agentapi.ErrNotAllowed) {
		t.Errorf("Enrol on the control connection = %v", err)
	}
	newcomer, err := wire.Dial(t.Context(), wire.DialConfig{Addr: w.addr, ALPN: wire.ALPNEnrol, TLS: wire.EnrolTLS(w.fleet.Pin())})
	if err != nil {
		t.Fatal(err)
	}
	defer newcomer.Close(nil)
	if _, err := agentv1.NewHubServiceClient(newcomer.Client()).Hello(t.Context(), greeting(1)); !errors.Is(wire.Problem(err), agentapi.ErrNotAllowed) {
		t.Errorf("Hello of a newcomer = %v", err)
	}
	if _, err := agentv1.NewEnrolmentServiceClient(newcomer.Client()).Enrol(t.Context(), &agentv1.EnrolRequest{TokenId: "x", TokenSecret: "y"}); err == nil {
		t.Error("Enrol without a token succeeded")
	}
}

// A hub with another CA gets nothing: the newcomer hangs up before it speaks.
func TestSecretIsNeverSentToAnotherHub(t *testing.T) {
	w, impostor := newWorld(t), newWorld(t)
	token := w.token(t)
	_, err := wire.Dial(t.Context(), wire.DialConfig{Addr: impostor.addr, ALPN: wire.ALPNEnrol, TLS: wire.EnrolTLS(token.Pin)})
	if !errors.Is(err, wire.ErrHubIdentityMismatch) {
		t.Fatalf("Dial = %v, want hub_identity_mismatch", err)
	}
	if n := impostor.door.Sessions(); n != 0 {
		t.Fatalf("the impostor has %d sessions", n)
	}
}

func TestRevocationClosesBothConnections(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	data := w.dial(t, a.identity, wire.ALPNData)
	eventually(t, "two sessions", func() bool { return w.door.Sessions() == 2 })
	if err := w.fleet.Revoke(t.Context(), w.admin, w.project, "one"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*wire.Session{a.control, data} {
		select {
		case <-s.Done():
		case <-time.After(5 * time.Second):
			t.Fatal("a session lives five seconds after revocation")
		}
	}
	_, err := wire.Dial(t.Context(), wire.DialConfig{Addr: w.addr, ALPN: wire.ALPNAgent, TLS: a.tls})
	if !errors.Is(err, wire.ErrCertificateRevoked) {
		t.Fatalf("Dial = %v, want certificate_revoked", err)
	}
}

func TestRenewalOnEitherConnectionGivesACertificateThatWorks(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	for generation, alpn := range map[int64]string{1: wire.ALPNAgent, 2: wire.ALPNRenew} {
		_ = generation
		key, err := wire.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		csr, err := wire.CSR(key)
		if err != nil {
			t.Fatal(err)
		}
		hub := agentv1.NewHubServiceClient(w.dial(t, a.identity, alpn).Client())
		resp, err := hub.Renew(t.Context(), &agentv1.RenewRequest{CsrDer: csr, Generation: a.resp.GetCertificate().GetGeneration()})
		if err != nil {
			t.Fatalf("Renew on %s: %v", alpn, err)
		}
		a.resp.Certificate = resp.GetCertificate()
		a.use(t, resp.GetCertificate(), key)
		w.connect(t, a.identity, greeting(1))
	}
}

func TestSilentSessionIsClosed(t *testing.T) {
	w := newWorld(t, func(c *agentapi.Config) { c.Silence = 300 * time.Millisecond })
	a := w.agent(t, "one")
	select {
	case <-a.control.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("a silent session lives")
	}
	eventually(t, "the agent is offline", func() bool {
		got, err := w.fleet.Agent(t.Context(), w.project, "one")
		return err == nil && got.State == fleet.Offline
	})
}

func TestBadUploadsEndTheStreamWithAClearProblem(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	w.start(t, 1)
	ref := a.next(t).GetRef()
	good := frame.Append(nil, frame.Stdout, time.Now(), []byte("x"))
	for name, c := range map[string]struct {
		in   *agentv1.UploadRequest
		want error
	}{
		"no frames":       {&agentv1.UploadRequest{Ref: ref}, agentapi.ErrFrames},
		"half a frame":    {&agentv1.UploadRequest{Ref: ref, Frames: good[:10]}, agentapi.ErrFrames},
		"not a frame":     {&agentv1.UploadRequest{Ref: ref, Frames: bytes.Repeat([]byte{255}, 100)}, agentapi.ErrFrames},
		"too large":       {&agentv1.UploadRequest{Ref: ref, Frames: make([]byte, 64<<10+1)}, agentapi.ErrTooLarge},
		"negative offset": {&agentv1.UploadRequest{Ref: ref, Offset: -1, Frames: good}, agentapi.ErrMessage},
		"no reference":    {&agentv1.UploadRequest{Frames: good}, agentapi.ErrMessage},
	} {
		up := a.upload(t, a.hello.GetEpoch())
		if err := up.Send(c.in); err != nil {
			t.Fatal(err)
		}
		if _, err := up.Recv(); !errors.Is(wire.Problem(err), c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	ref := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 1}
	for name, call := range map[string]func() error{
		"no uuid": func() error {
			_, err := a.hub.Accept(t.Context(), &agentv1.AcceptRequest{Attempts: []*agentv1.AttemptRef{{RunId: "'; drop", Attempt: 1, Fence: 1}}})
			return err
		},
		"nil reference": func() error {
			_, err := a.hub.Accept(t.Context(), &agentv1.AcceptRequest{Attempts: []*agentv1.AttemptRef{nil}})
			return err
		},
		"no outcome": func() error {
			_, err := a.hub.Report(t.Context(), &agentv1.ReportRequest{Results: []*agentv1.Result{{Ref: ref}}})
			return err
		},
		"negative length": func() error {
			r := success(ref, -1)
			_, err := a.hub.Report(t.Context(), &agentv1.ReportRequest{Results: []*agentv1.Result{r}})
			return err
		},
		"flood": func() error {
			_, err := a.hub.Accept(t.Context(), &agentv1.AcceptRequest{Attempts: slices.Repeat([]*agentv1.AttemptRef{ref}, 10_001)})
			return err
		},
	} {
		if err := call(); !errors.Is(wire.Problem(err), agentapi.ErrMessage) {
			t.Errorf("%s: %v, want message_invalid", name, err)
		}
	}
}

func TestDamagedTokenNeverReachesTheHub(t *testing.T) {
	w := newWorld(t)
	text := w.token(t).Text()
	for _, bad := range []string{text[:len(text)-3], text[:50], "aj1_" + text[5:]} {
		if _, err := jointoken.Parse(bad); !errors.Is(err, jointoken.ErrInvalid) {
			t.Errorf("Parse(%.12s…) = %v", bad, err)
		}
	}
}

// panicky breaks at every heartbeat.
type panicky struct{ *run.Store }

func (panicky) Renew(context.Context, []run.Renewal) (map[uuid.UUID]run.Orders, error) {
	panic("a bug")
}

func (panicky) RaiseFence(_ context.Context, seen int64) (bool, error) {
	if seen == 7 {
		panic("another bug")
	}
	return false, nil
}

func TestPanicEndsTheSessionAndNotTheHub(t *testing.T) {
	w := newWorld(t, func(c *agentapi.Config) { c.Runs = panicky{c.Runs.(*run.Store)} })
	a := w.agent(t, "one")
	ref := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 1}
	if _, err := a.hub.Heartbeat(t.Context(), &agentv1.HeartbeatRequest{Held: []*agentv1.AttemptRef{ref}}); err == nil {
		t.Fatal("a panic was answered with success")
	}
	<-a.control.Done()
	hello := greeting(1)
	hello.MaxFence = 7
	s := w.dial(t, a.identity, wire.ALPNAgent)
	if _, err := agentv1.NewHubServiceClient(s.Client()).Hello(t.Context(), hello); err == nil {
		t.Fatal("a panic was answered with success")
	}
	<-s.Done()
	w.connect(t, a.identity, greeting(1))
}
