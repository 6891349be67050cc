package resident

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/cronium/cronium/agent/executor/local"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// maxPiece is the most data in one message of a tunnel.
const maxPiece = 16 << 10

// Tunnel implements the service.
func (r *resident) Tunnel(ctx context.Context, stream runnerv1.ResidentService_TunnelServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	ref, err := refOf(first.GetRef())
	if err != nil {
		return err
	}
	e, err := r.home.entry(ref)
	if err != nil {
		return missing(err)
	}
	conn, err := local.Dial(ctx, e.Dir)
	if err != nil {
		return missing(err)
	}
	relay(conn, end{
		send: func(data []byte, credits int32) error {
			return stream.Send(&runnerv1.TunnelResponse{Data: data, Credits: credits})
		},
		receive: func() ([]byte, int32, error) {
			m, err := stream.Recv()
			return m.GetData(), m.GetCredits(), err
		},
	})
	return nil
}

// Dial connects, through the resident that client talks to, to the socket of the
// runner of an attempt. The connection lasts as long as its reader and the runner
// want, at most until the client is closed.
func Dial(ctx context.Context, client runnerv1.ResidentServiceClient, ref *runnerv1.Attempt) (net.Conn, error) {
	stream, err := client.Tunnel(ctx)
	if err == nil {
		err = stream.Send(&runnerv1.TunnelRequest{Ref: ref})
	}
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go func() { // ends when either end of the tunnel does
		relay(theirs, end{
			send: func(data []byte, credits int32) error {
				return stream.Send(&runnerv1.TunnelRequest{Data: data, Credits: credits})
			},
			receive: func() ([]byte, int32, error) {
				m, err := stream.Recv()
				return m.GetData(), m.GetCredits(), err
			},
		})
		_ = stream.CloseSend()
	}()
	return ours, nil
}

// end is one end of a tunnel.
type end struct {
	send    func(data []byte, credits int32) error
	receive func() (data []byte, credits int32, err error)
}

// relay carries bytes between a connection and an end of a tunnel until either is
// closed, and closes the connection. At most [Window] messages are on the way in each
// direction, so a reader that stands still stops its writer and nobody else.
func relay(conn net.Conn, e end) {
	credits, arrived := make(chan struct{}, Window), make(chan []byte, Window)
	for range Window {
		credits <- struct{}{}
	}
	over := make(chan struct{})
	go func() { // ends with the stream
		defer close(over)
		defer close(arrived)
		for {
			data, n, err := e.receive()
			if err != nil {
				return
			}
			for range min(n, Window) {
				select {
				case credits <- struct{}{}:
				default: // more than it was sent
				}
			}
			if len(data) > 0 {
				select {
				case arrived <- data:
				default: // more than it may
					return
				}
			}
		}
	}()
	silent := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer func() { _ = conn.Close() }()
		toConn(conn, arrived, silent, e)
	})
	fromConn(conn, credits, over, e)
	_ = conn.Close()
	close(silent)
	all.Wait()
}

func toConn(conn net.Conn, arrived <-chan []byte, silent <-chan struct{}, e end) {
	for {
		select {
		case data, ok := <-arrived:
			if !ok {
				return
			}
			if _, err := conn.Write(data); err != nil {
				return
			}
			if err := e.send(nil, 1); err != nil {
				return
			}
		case <-silent:
			return
		}
	}
}

func fromConn(conn io.Reader, credits, over <-chan struct{}, e end) {
	buf := make([]byte, maxPiece)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			select {
			case <-credits:
			case <-over:
				return
			}
			if err := e.send(buf[:n], 0); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
