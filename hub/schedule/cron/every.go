package cron

import (
	"strconv"
	"strings"
	"time"
)

// parseEvery reads the interval of @every: Go's duration text, and days and
// weeks of exactly 24 and 168 hours ("1d12h").
func (p *Plan) parseEvery(text string, anchor time.Time) error {
	if text == "" {
		return invalid(`@every needs an interval, such as "@every 5m"`)
	}
	d, err := duration(text)
	switch {
	case err != nil:
		return invalid("Interval %q is not a duration such as 30s, 5m, 1h30m or 1d", text)
	case d < minEvery:
		return invalid("Interval below 1 s (minimum 1 s)")
	case d > maxEvery:
		return invalid("Interval %s is above ten years", text)
	case d%time.Second != 0:
		return invalid("Interval %s is not a whole number of seconds", text)
	}
	p.kind, p.every = interval, d
	if !anchor.IsZero() {
		p.anchor = anchor.Unix()
	}
	return nil
}

func duration(text string) (time.Duration, error) {
	var total time.Duration
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, rest, found := strings.Cut(text, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 12)
		if err != nil {
			return 0, err
		}
		total += time.Duration(n) * unit.length
		text = rest
	}
	if text == "" {
		return total, nil
	}
	d, err := time.ParseDuration(text)
	return total + d, err
}

// nextInterval returns anchor + k·every, with k at least 1.
func (p *Plan) nextInterval(t int64) (int64, bool) {
	every := int64(p.every / time.Second)
	k := int64(1)
	if t > p.anchor {
		k = (t - p.anchor + every - 1) / every
	}
	due := p.anchor + k*every
	return due, due >= t && due < lastInstant
}
