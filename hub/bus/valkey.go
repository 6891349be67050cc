package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"
)

// valkeyCarrier carries messages by Valkey's pub/sub. The client connects when it
// is first needed, and again whenever it was lost.
type valkeyCarrier struct {
	option  valkey.ClientOption
	channel string
	log     *slog.Logger

	mu     sync.Mutex
	client valkey.Client // nil when there is none; guarded by mu
}

func newValkey(url, name string, log *slog.Logger) (*valkeyCarrier, error) {
	option, err := valkey.ParseURL(url)
	if err != nil {
		return nil, ErrValkeyURL.With("the URL is not one of Valkey's") // the error may hold the password
	}
	option.ClientName = "cronium-hub"
	option.DisableCache = true
	option.DisableRetry = true // a bell is not worth waiting for; receive must see every interruption
	option.ForceSingleClient = true
	// The client's defaults are meant for bulk.
	option.RingScaleEachConn, option.PipelineMultiplex = 8, 1
	option.ReadBufferEachConn, option.WriteBufferEachConn = 32<<10, 32<<10
	option.Dialer.Timeout, option.ConnWriteTimeout = 3*time.Second, 5*time.Second
	return &valkeyCarrier{option: option, channel: name + ":" + channel, log: log}, nil
}

func (v *valkeyCarrier) send(ctx context.Context, messages []string) error {
	client, err := v.connected()
	if err != nil {
		return err
	}
	commands := make(valkey.Commands, len(messages))
	for i, m := range messages {
		commands[i] = client.B().Publish().Channel(v.channel).Message(m).Build()
	}
	for _, answer := range client.DoMulti(ctx, commands...) {
		if err := answer.Error(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

func (v *valkeyCarrier) receive(ctx context.Context, onMessage func(string)) error {
	const slowest = 5 * time.Second
	bound := 100 * time.Millisecond
	for {
		subscribed := false
		err := v.subscribe(ctx, onMessage, func() {
			subscribed = true
			onMessage(emptyText)
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if subscribed {
			bound = 100 * time.Millisecond
		}
		v.log.WarnContext(ctx, "valkey is not listening, polling instead", "err", err)
		if !sleep(ctx, time.Millisecond+rand.N(bound)) {
			return context.Cause(ctx)
		}
		bound = min(2*bound, slowest)
	}
}

func (v *valkeyCarrier) subscribe(ctx context.Context, onMessage func(string), onSubscribed func()) error {
	client, err := v.connected()
	if err != nil {
		return err
	}
	ctx = valkey.WithOnSubscriptionHook(ctx, func(s valkey.PubSubSubscription) {
		if s.Kind == "subscribe" {
			onSubscribed()
		}
	})
	err = client.Receive(ctx, client.B().Subscribe().Channel(v.channel).Build(), func(m valkey.PubSubMessage) { onMessage(m.Message) })
	if err == nil {
		return errors.New("the server ended the subscription")
	}
	return fmt.Errorf("subscribe: %w", err)
}

// connected returns the client, connecting first if there is none.
func (v *valkeyCarrier) connected() (valkey.Client, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.client != nil {
		return v.client, nil
	}
	client, err := valkey.NewClient(v.option)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	v.client = client
	return client, nil
}

func (v *valkeyCarrier) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.client != nil {
		v.client.Close()
		v.client = nil
	}
}
