package console

import (
	"context"
	"errors"
	"sync"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// errHungUp is the hub's wish, not a failure.
var errHungUp = errors.New("the hub hung up")

// line is the connection between one shell and the hub. Three goroutines work on
// it: the caller's listens to the hub and never waits for anything else; printer
// and typist wait for the shell.
type line struct {
	stream agentv1.AgentService_ConsoleServer
	shell  Shell

	sending sync.Mutex

	mu      sync.Mutex
	input   []byte // typed, not yet given to the shell
	size    *Size  // wanted, not yet set
	printed int64  // sent to the hub
	taken   int64  // of it, what the hub has taken

	typed   chan struct{} // rings: there is input
	room    chan struct{} // rings: the hub has taken something
	resized chan struct{} // rings: there is a size
}

func newLine(stream agentv1.AgentService_ConsoleServer, shell Shell) *line {
	return &line{stream: stream, shell: shell, typed: make(chan struct{}, 1), room: make(chan struct{}, 1), resized: make(chan struct{}, 1)}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// serve returns when nothing of the shell is left. Its error is why it ended if the
// shell did not end by itself.
func (l *line) serve() (Exit, error) {
	ctx, end := context.WithCancelCause(l.stream.Context())
	user, program := l.shell.About()
	if err := l.send(&agentv1.ConsoleResponse{Kind: &agentv1.ConsoleResponse_Opened{Opened: &agentv1.ConsoleOpened{User: user, Shell: program}}}); err != nil {
		end(err)
	}
	var work sync.WaitGroup
	done := make(chan error, 1)
	work.Go(func() { done <- l.print(ctx) })
	work.Go(func() { l.typeIn(ctx) })
	work.Go(func() { l.resize(ctx) })
	// It ends when the handler has returned, which ends the stream.
	go func() { end(l.listen()) }()

	var err error
	select {
	case err = <-done: // the shell has ended, and all that it printed is sent
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	end(err)
	l.shell.Close()
	work.Wait()
	exit := l.shell.Wait()
	if err != nil {
		if errors.Is(err, errHungUp) {
			err = nil
		}
		return exit, err
	}
	return exit, l.send(&agentv1.ConsoleResponse{Kind: &agentv1.ConsoleResponse_Exit{Exit: &agentv1.ConsoleExit{Code: int32(exit.Code), Signal: exit.Signal}}})
}

// listen takes what the hub says, until it hangs up or is lost.
func (l *line) listen() error {
	for {
		in, err := l.stream.Recv()
		if err != nil {
			return err
		}
		switch kind := in.GetKind().(type) {
		case *agentv1.ConsoleRequest_Data:
			err = l.takeInput(kind.Data)
		case *agentv1.ConsoleRequest_Resize:
			l.want(sizeOf(kind.Resize.GetCols(), kind.Resize.GetRows()))
		case *agentv1.ConsoleRequest_Taken:
			l.acknowledge(kind.Taken)
		case *agentv1.ConsoleRequest_Close:
			err = errHungUp
		default:
			err = ErrProtocol.With("a message that only begins a console, or none")
		}
		if err != nil {
			return err
		}
	}
}

func (l *line) takeInput(data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(data) > MaxData || len(l.input)+len(data) > InputWindow {
		return ErrProtocol.With("more than %d bytes of input that are not taken", InputWindow)
	}
	l.input = append(l.input, data...)
	ring(l.typed)
	return nil
}

func (l *line) want(s Size) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size = &s
	ring(l.resized)
}

func (l *line) acknowledge(taken int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if taken > l.taken && taken <= l.printed {
		l.taken = taken
		ring(l.room)
	}
}

// print sends what the shell prints, as far as the hub has room for it.
func (l *line) print(ctx context.Context) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.shell.Read(buf)
		if err != nil {
			return nil //nolint:nilerr // it has ended, as it should
		}
		if err := l.awaitRoom(ctx, n); err != nil {
			return err
		}
		data := append([]byte(nil), buf[:n]...)
		if err := l.send(&agentv1.ConsoleResponse{Kind: &agentv1.ConsoleResponse_Data{Data: data}}); err != nil {
			return err
		}
	}
}

func (l *line) awaitRoom(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		fits := l.printed+int64(n)-l.taken <= OutputWindow
		if fits {
			l.printed += int64(n)
		}
		l.mu.Unlock()
		if fits {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.room:
		}
	}
}

// tellAfter is how much input is taken before the hub is told.
const tellAfter = 16 << 10

// typeIn gives the shell what was typed.
func (l *line) typeIn(ctx context.Context) {
	var total, told int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.typed:
		}
		for {
			data := l.nextInput()
			if len(data) == 0 {
				break
			}
			n, err := l.shell.Write(data)
			l.dropInput(n)
			if err != nil {
				return // it has ended
			}
			if total += int64(n); total-told >= tellAfter {
				told = total
				if l.send(&agentv1.ConsoleResponse{Kind: &agentv1.ConsoleResponse_Taken{Taken: total}}) != nil {
					return
				}
			}
		}
	}
}

// nextInput returns a piece of what was typed. It counts as waiting until it is
// dropped.
func (l *line) nextInput() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]byte(nil), l.input[:min(len(l.input), 4<<10)]...)
}

func (l *line) dropInput(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.input = append(l.input[:0], l.input[n:]...)
}

// resize sets the size that was wanted last, at most ten times a second.
func (l *line) resize(ctx context.Context) {
	pause := time.NewTicker(resizeEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.resized:
		}
		l.mu.Lock()
		size := l.size
		l.size = nil
		l.mu.Unlock()
		if size != nil {
			_ = l.shell.Resize(*size) // it has ended
		}
		pause.Reset(resizeEvery)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// send is for all three goroutines: a stream takes one message at a time.
func (l *line) send(m *agentv1.ConsoleResponse) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	return l.stream.Send(m)
}
