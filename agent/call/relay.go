package call

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// Patience is how long a call waits for the hub.
const Patience = 30 * time.Second

// Relay holds the calls that wait for the hub. Its methods may be called
// concurrently.
type Relay struct {
	now      func() time.Time
	patience time.Duration

	mu      sync.Mutex
	last    int64
	session int // of the agent that attached last; calls go to it alone
	waiting []*waiting
	changed chan struct{} // closed and replaced
}

type waiting struct {
	call    *runnerv1.Call
	until   time.Time
	sent    int // the session that it was sent in
	answers chan *runnerv1.Answer
}

// NewRelay returns a relay whose calls wait as long as patience.
func NewRelay(patience time.Duration, now func() time.Time) *Relay {
	return &Relay{now: now, patience: patience, changed: make(chan struct{})}
}

// Ask returns the hub's answer.
func (r *Relay) Ask(ctx context.Context, name string, args []byte) ([]byte, *problem.Problem) {
	w := r.add(name, args)
	defer r.drop(w)
	timer := time.NewTimer(r.patience)
	defer timer.Stop()
	select {
	case a := <-w.answers:
		if p := a.GetProblem(); p != nil {
			return nil, &problem.Problem{Code: p.GetCode(), Title: p.GetTitle(), Detail: p.GetDetail(), Hint: p.GetHint()}
		}
		if len(a.GetValueJson()) == 0 {
			return Null, nil
		}
		return a.GetValueJson(), nil
	case <-timer.C:
		return nil, ErrUnreachable.With("%s was not answered within %s", name, r.patience)
	case <-ctx.Done():
		return nil, ErrNoAnswer.With("the script is over")
	}
}

func (r *Relay) add(name string, args []byte) *waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	w := &waiting{call: &runnerv1.Call{Id: r.last, Name: name, ArgsJson: args}, until: r.now().Add(r.patience), answers: make(chan *runnerv1.Answer, 1)}
	r.waiting = append(r.waiting, w)
	r.ring()
	return w
}

func (r *Relay) drop(w *waiting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = slices.DeleteFunc(r.waiting, func(one *waiting) bool { return one == w })
}

func (r *Relay) ring() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Stream is one agent's connection.
type Stream interface {
	Send(*runnerv1.Call) error
	Recv() (*runnerv1.Answer, error)
}

var errReplaced = errors.New("another agent is attached now")

// Attach gives an agent every call that waits and every one that comes, and takes
// its answers, until the stream ends, ctx ends or another agent attaches. Receiving
// goes on until the stream's owner closes it.
func (r *Relay) Attach(ctx context.Context, stream Stream) error {
	mine := r.begin()
	received := make(chan error, 1)
	go func() { received <- r.receive(stream) }()
	for {
		calls, changed, current := r.unsent(mine)
		if !current {
			return errReplaced
		}
		for _, c := range calls {
			if err := stream.Send(c); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case err := <-received:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Relay) begin() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.session++
	r.ring()
	return r.session
}

// unsent returns what this session was not given yet, in order.
func (r *Relay) unsent(session int) (calls []*runnerv1.Call, changed <-chan struct{}, current bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if session != r.session {
		return nil, nil, false
	}
	for _, w := range r.waiting {
		if w.sent == session {
			continue
		}
		w.sent = session
		calls = append(calls, &runnerv1.Call{Id: w.call.GetId(), Name: w.call.GetName(), ArgsJson: w.call.GetArgsJson(),
			Patience: durationpb.New(max(0, w.until.Sub(r.now())))})
	}
	return calls, r.changed, true
}

func (r *Relay) receive(stream Stream) error {
	for {
		a, err := stream.Recv()
		if err != nil {
			return err
		}
		r.mu.Lock()
		for _, w := range r.waiting {
			if w.call.GetId() == a.GetId() {
				select { // a second answer is the same as the first
				case w.answers <- a:
				default:
				}
			}
		}
		r.mu.Unlock()
	}
}
