package call

import (
	"sync"
	"time"
)

const (
	interval = 20 * time.Millisecond // between calls, in the long run
	burst    = 100
)

// pace says how long a call has to wait so that there are not too many.
type pace struct {
	now func() time.Time

	mu   sync.Mutex
	next time.Time // when the bucket is full again, less its size
}

// take counts a call and returns its delay.
func (p *pace) take() time.Duration {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if full := now.Add(-burst * interval); p.next.Before(full) {
		p.next = full
	}
	p.next = p.next.Add(interval)
	return max(0, p.next.Sub(now))
}
