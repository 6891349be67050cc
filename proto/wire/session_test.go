package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/sdk/problem"
)

type agentService struct {
	agentv1.UnimplementedAgentServiceServer
	cancels chan int
}

func (a *agentService) Cancel(_ context.Context, in *agentv1.CancelRequest) (*agentv1.CancelResponse, error) {
	a.cancels <- len(in.GetCancels())
	return &agentv1.CancelResponse{}, nil
}

func TestBothSidesCallEachOtherOnOneConnection(t *testing.T) {
	h := newHub(t, nil)
	peers := make(chan string, 1)
	h.beat = func(ctx context.Context) { peers <- PeerFrom(ctx).SerialNumber.String() }
	config := h.agentTLS(t)
	s := dial(t, DialConfig{Addr: h.addr, TLS: config, ALPN: ALPNAgent})

	agent := &agentService{cancels: make(chan int, 1)}
	srv := NewServer()
	agentv1.RegisterAgentServiceServer(srv, agent)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(srv) })
	t.Cleanup(func() { s.Close(nil); served.Wait(); srv.Stop() })

	if _, err := agentv1.NewHubServiceClient(s.Client()).Heartbeat(t.Context(), &agentv1.HeartbeatRequest{}); err != nil {
		t.Fatalf("Heartbeat: %v", err)
	}
	cert, _ := config.GetClientCertificate(nil)
	if got := <-peers; got != cert.Leaf.SerialNumber.String() {
		t.Fatalf("the hub sees certificate %s, want %s", got, cert.Leaf.SerialNumber)
	}
	hubSide := <-h.sessions
	_, err := agentv1.NewAgentServiceClient(hubSide.Client()).Cancel(t.Context(), &agentv1.CancelRequest{Cancels: make([]*agentv1.Cancel, 3)})
	if err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if n := <-agent.cancels; n != 3 {
		t.Fatalf("the agent received %d cancels, want 3", n)
	}
	if hubSide.ALPN() != ALPNAgent {
		t.Fatalf("ALPN = %q", hubSide.ALPN())
	}
}

func TestGracefulStopLetsCallsInFlightFinish(t *testing.T) {
	h := newHub(t, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	h.beat = func(context.Context) { close(entered); <-leave }
	s := dial(t, DialConfig{Addr: h.addr, TLS: h.agentTLS(t), ALPN: ALPNAgent})

	answer := make(chan error, 1)
	go func() {
		_, err := agentv1.NewHubServiceClient(s.Client()).Heartbeat(t.Context(), &agentv1.HeartbeatRequest{})
		answer <- err
	}()
	soon(t, "the call", entered)
	stopped := make(chan struct{})
	go func() { h.grpc.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("GracefulStop returned while a call was in flight")
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	if err := <-answer; err != nil {
		t.Fatalf("the call in flight ended with %v", err)
	}
	soon(t, "GracefulStop", stopped)
	if s.Cause() != nil {
		t.Fatalf("the session ended: %v", s.Cause())
	}
}

func TestEndOfSessionFailsCallsAndTellsWhy(t *testing.T) {
	h := newHub(t, nil)
	entered := make(chan struct{})
	h.beat = func(ctx context.Context) { close(entered); <-ctx.Done() }
	s := dial(t, DialConfig{Addr: h.addr, TLS: h.agentTLS(t), ALPN: ALPNAgent})
	answer := make(chan error, 1)
	go func() {
		_, err := agentv1.NewHubServiceClient(s.Client()).Heartbeat(t.Context(), &agentv1.HeartbeatRequest{})
		answer <- err
	}()
	soon(t, "the call", entered)
	why := errors.New("replaced")
	(<-h.sessions).Close(why)
	if err := <-answer; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Fatalf("the call ended with %v", err)
	}
	soon(t, "the end", s.Done())
	if s.Cause() == nil {
		t.Fatal("an ended session has no cause")
	}
}

func TestWriteTimeoutClosesTheSession(t *testing.T) {
	h := newHub(t, nil)
	p := newProxy(t, h.addr)
	s := dial(t, DialConfig{Addr: p.addr, TLS: h.agentTLS(t), ALPN: ALPNData, writeTimeout: 300 * time.Millisecond})
	p.freeze()
	var all sync.WaitGroup
	for range 8 { // more than the buffers of the sockets take
		all.Go(func() {
			st, err := s.mux.OpenStream()
			if err != nil {
				return
			}
			_, _ = (&stream{Stream: st, session: s}).Write(make([]byte, muxWindow))
		})
	}
	all.Wait()
	soon(t, "the session to close", s.Done())
}

func TestFrozenPeerDoesNotAnswerPing(t *testing.T) {
	h := newHub(t, nil)
	p := newProxy(t, h.addr)
	s := dial(t, DialConfig{Addr: p.addr, TLS: h.agentTLS(t), ALPN: ALPNAgent, writeTimeout: time.Second})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatalf("Ping of a live peer: %v", err)
	}
	p.freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Ping of a frozen peer = %v, want deadline exceeded", err)
	}
}

// With yamux's defaults such a link dies: its ping waits behind the data.
func TestSlowLinkWithParallelTransfersStaysUp(t *testing.T) {
	h := newHub(t, nil)
	p := newProxy(t, h.addr)
	s := dial(t, DialConfig{Addr: p.addr, TLS: h.agentTLS(t), ALPN: ALPNData})
	p.limit(512 << 10)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			up, err := agentv1.NewHubDataServiceClient(s.Client()).Upload(t.Context())
			if err != nil {
				t.Errorf("Upload: %v", err)
				return
			}
			for range 3 {
				if err := up.Send(&agentv1.UploadRequest{Frames: make([]byte, 64<<10)}); err != nil {
					t.Errorf("Send: %v", err)
					return
				}
			}
			for range 3 {
				if _, err := up.Recv(); err != nil {
					t.Errorf("Recv: %v", err)
					return
				}
			}
			_ = up.CloseSend()
			_, _ = up.Recv()
		})
	}
	all.Wait()
	if s.Cause() != nil {
		t.Fatalf("the session ended: %v", s.Cause())
	}
}

func TestPeerMayNotHoardStreams(t *testing.T) {
	h := newHub(t, nil)
	s := dial(t, DialConfig{Addr: h.addr, TLS: h.agentTLS(t), ALPN: ALPNAgent})
	refused := 0
	for range 3 * maxStreams {
		st, err := s.mux.OpenStream()
		if err != nil {
			break
		}
		_ = st.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := st.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			refused++
		}
	}
	if refused < maxStreams {
		t.Fatalf("%d of %d streams were refused", refused, 3*maxStreams)
	}
}

func TestProblemSurvivesTheWire(t *testing.T) {
	entry := problem.New("join_token_expired", http.StatusConflict, "Join token expired", "Make a new one.")
	err := Status(entry.With("expired at %s", "noon"))
	got := Problem(err)
	if !errors.Is(got, entry) || got.Detail != "expired at noon" || got.Hint != entry.Hint || got.Status != http.StatusConflict {
		t.Fatalf("Problem = %+v", got)
	}
	if p := Problem(Status(errors.New("secret detail"))); p != nil {
		t.Fatalf("an internal error shows %v", p)
	}
	if s := Status(errors.New("secret detail")).Error(); s != "rpc error: code = Internal desc = internal" {
		t.Fatalf("an internal error says %q", s)
	}
}

// proxy is a TCP link that can be made slow or frozen.
type proxy struct {
	addr string
	mu   sync.Mutex
	rate int
	ice  chan struct{}
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				_ = a.Close()
				return
			}
			all.Go(func() { p.copy(a, b, end) })
			all.Go(func() { p.copy(b, a, end) })
		}
	})
	t.Cleanup(func() { close(end); _ = l.Close(); all.Wait() })
	return p
}

func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ice = make(chan struct{})
}

func (p *proxy) limit(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bytesPerSecond
}

func (p *proxy) copy(from, to net.Conn, end <-chan struct{}) {
	defer from.Close()
	defer to.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-end:
			_ = from.Close()
		case <-stop:
		}
	}()
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		rate, ice := p.rate, p.ice
		p.mu.Unlock()
		if ice != nil {
			<-end
			return
		}
		if rate > 0 {
			select {
			case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
			case <-end:
				return
			}
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
