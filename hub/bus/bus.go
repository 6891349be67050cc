package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cronium/cronium/hub/postgres"
)

const (
	coalesce   = 2 * time.Millisecond
	sendWithin = 5 * time.Second
	channel    = "cronium_bells"
	everything = "*"    // the topic that rings all bells
	largest    = 7500   // bytes of one message; NOTIFY carries less than 8000
	mostTopics = 10_000 // waiting to be sent; more become everything
	separator  = "\n"   // between the sender and the topics of a message
	emptyText  = ""     // what a carrier hands up after a connect
)

// Config says how bells travel between replicas.
type Config struct {
	DB        *postgres.DB // LISTEN/NOTIFY on this database; nil: this process only
	ValkeyURL string       // use this Valkey instead
	Name      string       // keeps installations apart that share a Valkey; default "cronium"
	Log       *slog.Logger // default: discard
}

// carrier takes messages to the other replicas and brings theirs.
type carrier interface {
	send(ctx context.Context, messages []string) error
	// receive blocks until ctx ends and hands up every message, and emptyText
	// after every connect.
	receive(ctx context.Context, onMessage func(string)) error
	close()
}

// Bus rings bells. Make it with [New] and keep [Bus.Run] going.
type Bus struct {
	carrier carrier // nil: this process only
	id      string  // ours, to know our own messages
	log     *slog.Logger
	wake    chan struct{} // capacity 1: something is pending

	mu      sync.Mutex // guards what follows
	bells   map[string]map[chan struct{}]struct{}
	pending map[string]struct{}
}

// New returns a bus. It connects nowhere yet: a Valkey that is down must not keep
// a hub from starting.
func New(c Config) (*Bus, error) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	b := &Bus{
		id: hex.EncodeToString(id[:]), log: c.Log, wake: make(chan struct{}, 1),
		bells: map[string]map[chan struct{}]struct{}{}, pending: map[string]struct{}{},
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		c.Name = "cronium"
	}
	switch {
	case c.ValkeyURL != "":
		v, err := newValkey(c.ValkeyURL, c.Name, b.log)
		if err != nil {
			return nil, err
		}
		b.carrier = v
	case c.DB != nil:
		b.carrier = notifier{c.DB}
	}
	return b, nil
}

// Subscribe returns a bell that rings for topic, and a function that takes it
// down, which may be called twice. Ask for the bell first and look at the truth
// then; the other way round a ring in between is lost.
func (b *Bus) Subscribe(topic string) (bell <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bells[topic] == nil {
		b.bells[topic] = map[chan struct{}]struct{}{}
	}
	b.bells[topic][c] = struct{}{}
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.bells[topic], c)
		if len(b.bells[topic]) == 0 {
			delete(b.bells, topic)
		}
	}
}

// Ring says that there is something new about topic. Call it after the commit.
func (b *Bus) Ring(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ringLocal(topic)
	if b.carrier == nil {
		return
	}
	if len(b.pending) >= mostTopics {
		clear(b.pending)
		topic = everything
	}
	b.pending[topic] = struct{}{}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run carries rings to and from other replicas until ctx ends.
func (b *Bus) Run(ctx context.Context) error {
	if b.carrier == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	defer b.carrier.close()
	var receiver sync.WaitGroup
	receiver.Go(func() { _ = b.carrier.receive(ctx, b.heard) }) // ends with ctx only
	defer receiver.Wait()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.wake:
		}
		if !sleep(ctx, coalesce) {
			return context.Cause(ctx)
		}
		failing = b.flush(ctx, failing)
	}
}

// flush sends what is pending. A failure is told once; the rings are dropped,
// because the poll behind every bell finds what they meant.
func (b *Bus) flush(ctx context.Context, failing bool) bool {
	messages := b.messages()
	if len(messages) == 0 {
		return failing
	}
	limited, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	err := b.carrier.send(limited, messages)
	if err != nil && !failing && ctx.Err() == nil {
		b.log.WarnContext(ctx, "bells do not reach other replicas, polling instead", "err", err)
	}
	return err != nil
}

// messages takes the pending topics, packed into as few messages as fit.
func (b *Bus) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		return nil
	}
	var messages []string
	text := b.id
	for topic := range b.pending {
		if len(b.id)+len(separator)+len(topic) > largest {
			topic = everything
		}
		if len(text)+len(separator)+len(topic) > largest {
			messages, text = append(messages, text), b.id
		}
		text += separator + topic
	}
	clear(b.pending)
	return append(messages, text)
}

// heard rings for a message of another replica.
func (b *Bus) heard(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if message == emptyText {
		b.ringLocal(everything)
		return
	}
	sender, topics, _ := strings.Cut(message, separator)
	if sender == b.id {
		return
	}
	for topic := range strings.SplitSeq(topics, separator) {
		b.ringLocal(topic)
	}
}

// ringLocal rings the bells of this process. The caller holds mu.
func (b *Bus) ringLocal(topic string) {
	if topic == everything {
		for _, bells := range b.bells {
			ringAll(bells)
		}
		return
	}
	ringAll(b.bells[topic])
}

func ringAll(bells map[chan struct{}]struct{}) {
	for bell := range bells {
		select {
		case bell <- struct{}{}:
		default: // it is ringing already
		}
	}
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
