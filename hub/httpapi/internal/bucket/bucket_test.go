package bucket_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/httpapi/internal/bucket"
)

func TestABurstPassesAndTheRestIsToldHowLongToWait(t *testing.T) {
	now := time.Unix(1000, 0)
	s := bucket.New(bucket.Limit{PerSecond: 2, Burst: 3}, 10, func() time.Time { return now })
	for i := range 3 {
		if _, ok := s.Take("a"); !ok {
			t.Fatalf("Take %d of a burst of 3 was refused", i+1)
		}
	}
	wait, ok := s.Take("a")
	if ok || wait != 500*time.Millisecond {
		t.Fatalf("fourth Take = %v, %v; want a wait of 500ms", wait, ok)
	}
	if _, ok := s.Take("b"); !ok {
		t.Fatal("another caller was refused")
	}
	now = now.Add(wait)
	if _, ok := s.Take("a"); !ok {
		t.Fatal("Take after the wait was refused")
	}
}

func TestTheSetStaysBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	s := bucket.New(bucket.Limit{PerSecond: 1, Burst: 1}, 4, func() time.Time { return now })
	for i := range 1000 {
		s.Take(fmt.Sprint(i))
	}
	if got := s.Len(); got > 4 {
		t.Fatalf("the set remembers %d callers, want at most 4", got)
	}
}
