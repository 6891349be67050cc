package console

import (
	"fmt"
	"time"
)

// Limits of a session. Zero is the default.
type Limits struct {
	Idle time.Duration // without a key pressed, while its owner is there; default 10 min, at most 15 min
	Max  time.Duration // in all; default 30 min, at most 8 h
}

const (
	defaultIdle = 10 * time.Minute
	defaultMax  = 30 * time.Minute
	longestIdle = 15 * time.Minute
	longestMax  = 8 * time.Hour

	keepDetached = 15 * time.Minute
	warnBefore   = time.Minute
)

func (l *Limits) fill() error {
	if l.Idle == 0 {
		l.Idle = defaultIdle
	}
	if l.Max == 0 {
		l.Max = defaultMax
	}
	if l.Idle < 0 || l.Idle > longestIdle || l.Max < 0 || l.Max > longestMax {
		return ErrLimits.With("idle %s, in all %s", l.Idle, l.Max)
	}
	return nil
}

// clock is what the limits of a session are held against.
type clock struct {
	opened   time.Time
	active   time.Time // last key, or when the owner came
	detached time.Time // zero: the owner is there

	warnedIdle, warnedMax bool
}

// due says what time it is for a session: its end and why, or a warning that has
// not been given yet.
func (l Limits) due(now time.Time, c *clock) (end Reason, warning string) {
	switch {
	case now.Sub(c.opened) >= l.Max:
		return TooLong, ""
	case !c.detached.IsZero() && now.Sub(c.detached) >= keepDetached:
		return Abandoned, ""
	case !c.detached.IsZero():
		return "", ""
	case now.Sub(c.active) >= l.Idle:
		return Idle, ""
	case !c.warnedMax && now.Sub(c.opened) >= warnAt(l.Max):
		c.warnedMax = true
		return "", fmt.Sprintf("This console ends in %s: it has been open for as long as one may be.", left(l.Max-now.Sub(c.opened)))
	case !c.warnedIdle && now.Sub(c.active) >= warnAt(l.Idle):
		c.warnedIdle = true
		return "", fmt.Sprintf("This console ends in %s unless you press a key.", left(l.Idle-now.Sub(c.active)))
	}
	return "", ""
}

// warnAt is a minute before a limit; half of the limit when it is short.
func warnAt(limit time.Duration) time.Duration { return max(limit-warnBefore, limit/2) }

func left(d time.Duration) time.Duration { return max(d.Round(time.Second), time.Second) }
