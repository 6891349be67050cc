// Package bucket limits how often each of many callers may do something. A
// caller's bucket holds burst tokens and refills at a steady rate. The map of
// callers is bounded: when it is full, buckets that are full again are forgotten,
// which changes no answer.
package bucket

import (
	"sync"
	"time"
)

// Limit is a rate per second and how many may come at once.
type Limit struct {
	PerSecond float64
	Burst     float64
}

// Set is a bounded set of buckets with one limit. It may be used concurrently.
type Set struct {
	limit Limit
	most  int
	now   func() time.Time

	mu  sync.Mutex
	all map[string]state
}

type state struct {
	tokens float64
	at     time.Time
}

// New returns a set that remembers at most so many callers.
func New(limit Limit, most int, now func() time.Time) *Set {
	if limit.PerSecond <= 0 || limit.Burst < 1 || most < 1 {
		panic("bucket.New: the limit and the size must be positive")
	}
	return &Set{limit: limit, most: most, now: now, all: map[string]state{}}
}

// Take takes a token of key. When there is none it says how long to wait.
func (s *Set) Take(key string) (wait time.Duration, ok bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.at(key, now)
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / s.limit.PerSecond * float64(time.Second)), false
	}
	b.tokens--
	s.all[key] = b
	return 0, true
}

// at returns key's bucket as it is now; a new one is full.
func (s *Set) at(key string, now time.Time) state {
	b, known := s.all[key]
	if !known {
		if len(s.all) >= s.most {
			s.forget(now)
		}
		return state{tokens: s.limit.Burst, at: now}
	}
	return s.refill(b, now)
}

func (s *Set) refill(b state, now time.Time) state {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens = min(s.limit.Burst, b.tokens+passed*s.limit.PerSecond)
		b.at = now
	}
	return b
}

// forget makes room: first what is full again, else anything at all, because a
// bounded map matters more than a stranger's bucket.
func (s *Set) forget(now time.Time) {
	for key, b := range s.all {
		if s.refill(b, now).tokens >= s.limit.Burst {
			delete(s.all, key)
		}
	}
	for key := range s.all {
		if len(s.all) <= s.most/2 {
			return
		}
		delete(s.all, key)
	}
}

// Len is how many callers are remembered.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
