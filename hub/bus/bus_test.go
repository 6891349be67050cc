package bus_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/bus"
	"github.com/cronium/cronium/hub/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// link is one way for bells to travel, and a way to interrupt it.
type link struct {
	config    bus.Config
	interrupt func(t *testing.T)
}

var links = map[string]func(t *testing.T) link{
	"LISTEN/NOTIFY": func(t *testing.T) link {
		db := pgtest.New(t)
		return link{bus.Config{DB: db}, func(t *testing.T) {
			var ended int
			err := db.Pool.QueryRow(t.Context(), `select count(pg_terminate_backend(pid)) from pg_stat_activity
				where query like 'listen%' and datname = current_database()`).Scan(&ended)
			if err != nil || ended == 0 {
				t.Fatalf("ended %d listeners, %v", ended, err)
			}
		}}
	},
	"Valkey": func(t *testing.T) link {
		server := startValkey(t)
		return link{bus.Config{ValkeyURL: "unix://" + server.socket}, func(t *testing.T) {
			server.kill()
			server.start(t)
		}}
	},
}

func TestRingReachesSubscribersOfTheTopicAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{})
	queue, cancelQueue := b.Subscribe("queue")
	again, cancelAgain := b.Subscribe("queue")
	other, cancelOther := b.Subscribe("agents")
	defer cancelOther()
	b.Ring("queue")
	b.Ring("queue")
	if !rings(queue) || !rings(again) || rings(other) {
		t.Fatal("not exactly the bells of the topic rang")
	}
	if rings(queue) {
		t.Fatal("two rings were not made one")
	}
	cancelQueue()
	cancelQueue()
	b.Ring("queue")
	if rings(queue) || !rings(again) {
		t.Fatal("cancel did not take down exactly its own bell")
	}
	cancelAgain()
	b.Ring("queue") // nobody listens
}

func TestRingReachesOtherReplicasButDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, connect := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t)
			here, there := running(t, l.config), running(t, l.config)
			mine, cancel := here.Subscribe("run:1")
			defer cancel()
			theirs, cancel := there.Subscribe("run:1")
			defer cancel()
			deaf, cancel := there.Subscribe("run:2")
			defer cancel()
			here.Ring("run:1")
			wait(t, mine)
			wait(t, theirs)
			there.Ring("other") // comes after an echo of ours would have come
			late, cancel := here.Subscribe("other")
			defer cancel()
			there.Ring("other")
			wait(t, late)
			if rings(mine) || rings(deaf) {
				t.Fatal("a bell rang that should not")
			}
		})
	}
}

func TestEverybodyIsRungAfterAReconnect(t *testing.T) {
	t.Parallel()
	for name, connect := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t)
			b, other := running(t, l.config), running(t, l.config)
			first, cancel := b.Subscribe("queue")
			defer cancel()
			second, cancel := b.Subscribe("run:1")
			defer cancel()
			l.interrupt(t)
			wait(t, first)
			wait(t, second)
			reach(t, other, b, "again") // and the line works
		})
	}
}

func TestManyTopicsAtOnceAllArrive(t *testing.T) {
	t.Parallel()
	for name, connect := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t)
			here, there := running(t, l.config), running(t, l.config)
			var bells []<-chan struct{}
			for i := range 12_000 { // more than may wait one by one
				bell, cancel := there.Subscribe(topic(i))
				defer cancel()
				bells = append(bells, bell)
			}
			for i := range bells {
				here.Ring(topic(i))
			}
			for _, bell := range bells {
				wait(t, bell)
			}
		})
	}
}

func TestRingNeverBlocksWithoutACarrier(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{ValkeyURL: "unix://" + filepath.Join(t.TempDir(), "nobody")})
	stop := run(t, b)
	defer stop()
	bell, cancel := b.Subscribe("queue")
	defer cancel()
	for i := range 50_000 {
		b.Ring(topic(i))
	}
	b.Ring("queue")
	if !rings(bell) {
		t.Fatal("the local bell did not ring")
	}
}

func TestValkeyThatComesLaterIsFound(t *testing.T) {
	t.Parallel()
	server := &valkeyServer{socket: socket(t)}
	config := bus.Config{ValkeyURL: "unix://" + server.socket}
	b, other := open(t, config), open(t, config)
	defer run(t, b)()
	defer run(t, other)()
	server.start(t)
	t.Cleanup(server.kill)
	reach(t, other, b, "queue")
}

func TestBadValkeyURLIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://x", "valkey://u:s3cret@h:1/notanumber", "::"} {
		_, err := bus.New(bus.Config{ValkeyURL: url})
		if err == nil || fmt.Sprint(err) != "bus.bad_valkey_url: the URL is not one of Valkey's" {
			t.Errorf("New(%q) = %v", url, err)
		}
	}
}

func topic(i int) string { return fmt.Sprintf("log:0193c0de-0000-7000-8000-%012d", i) }

func open(t *testing.T, c bus.Config) *bus.Bus {
	t.Helper()
	b, err := bus.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, b *bus.Bus) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = b.Run(ctx) })
	return func() { cancel(); done.Wait() }
}

// running returns a bus that listens already: it rings everybody when it does.
func running(t *testing.T, c bus.Config) *bus.Bus {
	t.Helper()
	b := open(t, c)
	bell, cancel := b.Subscribe("ready")
	defer cancel()
	t.Cleanup(run(t, b))
	wait(t, bell)
	return b
}

// reach rings until it is heard: while a line comes back, single rings are lost.
func reach(t *testing.T, from, to *bus.Bus, topic string) {
	t.Helper()
	bell, cancel := to.Subscribe(topic)
	defer cancel()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		from.Ring(topic)
		select {
		case <-bell:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s is never heard", topic)
}

func rings(bell <-chan struct{}) bool {
	select {
	case <-bell:
		return true
	default:
		return false
	}
}

func wait(t *testing.T, bell <-chan struct{}) {
	t.Helper()
	select {
	case <-bell:
	case <-time.After(patience):
		t.Fatal("the bell does not ring")
	}
}

// valkeyServer is a real one, on a socket.
type valkeyServer struct {
	socket string
	cmd    *exec.Cmd
}

// socket is a path short enough for a socket, whatever the test is called.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "v.sock")
}

func startValkey(t *testing.T) *valkeyServer {
	t.Helper()
	s := &valkeyServer{socket: socket(t)}
	s.start(t)
	t.Cleanup(func() { s.kill() })
	return s
}

func (s *valkeyServer) start(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("valkey-server")
	if err != nil {
		t.Fatal("valkey-server is not installed. On Debian 12: add bookworm-backports, then apt-get install -t bookworm-backports valkey-server; newer: apt-get install valkey-server")
	}
	s.cmd = exec.Command(path, "--port", "0", "--unixsocket", s.socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(s.socket))
	s.cmd.SysProcAttr = diesWithUs
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", s.socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("valkey-server does not answer: %v", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (s *valkeyServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}
