package uplink

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/cronium/cronium/proto/wire"
)

// bulkIdle is how long a data connection that nobody uses is kept for the next call.
const bulkIdle = 10 * time.Second

// bulk is a session's data connection for calls that carry bytes. There is one while
// there are such calls, and a little longer.
type bulk struct {
	dial func(context.Context) (dataConn, error)

	mu    sync.Mutex
	conn  dataConn // nil: none
	users int
	idle  *time.Timer // closes conn
	ended bool
}

// dataConn is what is used of a connection; *wire.Session is one.
type dataConn interface {
	Client() *grpc.ClientConn
	Cause() error
	Close(cause error)
}

var (
	errBulkIdle  = errors.New("nothing has to be sent any more")
	errBulkEnded = errors.New("the session has ended")
)

// dialWith opens a data connection, unless the session's own ends meanwhile.
func (u *Uplink) dialWith(ctx context.Context, own *wire.Session) (dataConn, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-own.Done():
			stop()
		case <-ctx.Done():
		}
	}()
	conn, err := u.dial(ctx, wire.ALPNData)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// take returns the connection, which it opens if there is none. The caller gives it
// back.
func (b *bulk) take(ctx context.Context) (dataConn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return nil, errBulkEnded
	}
	if b.conn != nil && b.conn.Cause() != nil {
		b.conn.Close(nil) // it broke
		b.conn = nil
	}
	if b.conn == nil {
		conn, err := b.dial(ctx) // the others would wait for it anyway
		if err != nil {
			return nil, err
		}
		b.conn = conn
	}
	if b.idle != nil {
		b.idle.Stop()
	}
	b.users++
	return b.conn, nil
}

func (b *bulk) give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users--; b.users == 0 && !b.ended {
		b.idle = time.AfterFunc(bulkIdle, b.rest)
	}
}

// rest closes a connection that has been idle for long enough.
func (b *bulk) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users == 0 {
		b.close(errBulkIdle)
	}
}

// end closes the connection with the session. There is none after it.
func (b *bulk) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.close(errBulkEnded)
}

func (b *bulk) close(why error) {
	if b.idle != nil {
		b.idle.Stop()
	}
	if b.conn != nil {
		b.conn.Close(why)
		b.conn = nil
	}
}
