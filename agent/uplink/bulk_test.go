package uplink

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
)

// line is a connection that only notes that it was closed.
type line struct{ cause error }

func (l *line) Client() *grpc.ClientConn { return nil }
func (l *line) Cause() error             { return l.cause }
func (l *line) Close(cause error) {
	if l.cause == nil {
		l.cause = cause
	}
}

// exchange is a bulk with all the connections that it has dialled.
func exchange() (*bulk, *[]*line) {
	var dialled []*line
	return &bulk{dial: func(context.Context) (dataConn, error) {
		dialled = append(dialled, &line{})
		return dialled[len(dialled)-1], nil
	}}, &dialled
}

func take(t *testing.T, b *bulk) {
	t.Helper()
	if _, err := b.take(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestADataConnectionIsThereWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dialled := exchange()
		take(t, b)
		take(t, b)
		b.give()
		time.Sleep(time.Minute)
		b.give()
		time.Sleep(bulkIdle / 2)
		take(t, b)
		time.Sleep(time.Minute)
		if len(*dialled) != 1 || (*dialled)[0].cause != nil {
			t.Errorf("%d connections were dialled, the first is closed by %v", len(*dialled), (*dialled)[0].cause)
		}
		b.give()
		time.Sleep(bulkIdle + time.Second)
		synctest.Wait()
		if !errors.Is((*dialled)[0].cause, errBulkIdle) {
			t.Errorf("unused, it is closed by %v", (*dialled)[0].cause)
		}
		take(t, b)
		b.give()
		if len(*dialled) != 2 {
			t.Errorf("%d connections were dialled, want another one", len(*dialled))
		}
		b.end()
	})
}

func TestABrokenDataConnectionIsReplaced(t *testing.T) {
	b, dialled := exchange()
	take(t, b)
	(*dialled)[0].cause = errors.New("it broke")
	take(t, b)
	if len(*dialled) != 2 {
		t.Errorf("%d connections were dialled, want two", len(*dialled))
	}
	b.give()
	b.give()
	b.end()
}

func TestADataConnectionEndsWithItsSession(t *testing.T) {
	b, dialled := exchange()
	take(t, b)
	b.end()
	if !errors.Is((*dialled)[0].cause, errBulkEnded) {
		t.Errorf("it is closed by %v", (*dialled)[0].cause)
	}
	if _, err := b.take(t.Context()); !errors.Is(err, errBulkEnded) {
		t.Errorf("and then there is one, or %v", err)
	}
	b.give()
}
