package cron

import "time"

// The ways to write a wall-clock time, and an instant with its offset.
var (
	wallLayouts    = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}
	instantLayouts = []string{time.RFC3339}
)

// parseAt reads the time of @at and finds when the zone's clock shows it.
func (p *Plan) parseAt(text string) error {
	p.kind = oneShot
	for _, layout := range instantLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return p.atInstant(text, t.Unix())
		}
	}
	for _, layout := range wallLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return p.atWall(text, t.Unix())
		}
	}
	return invalid("%q is not a time such as 2026-12-01T09:00:00", text)
}

func (p *Plan) atInstant(text string, unix int64) error {
	if unix < firstInstant || unix >= lastInstant {
		return invalid("Never fires: %s is outside the years 1970 to 2199", text)
	}
	i := p.zone.segment(unix)
	p.civil, p.at[0], p.times = unix+p.zone.offset(i), unix, 1
	return nil
}

func (p *Plan) atWall(text string, civil int64) error {
	if civil < firstInstant+maxOffset || civil >= lastInstant-maxOffset {
		return invalid("Never fires: %s is outside the years 1970 to 2199", text)
	}
	p.civil = civil
	for i := p.zone.segment(civil - maxOffset); i < p.zone.segments() && p.zone.start(i) <= civil+maxOffset; i++ {
		if unix := civil - p.zone.offset(i); unix >= p.zone.start(i) && unix < p.zone.end(i) && p.times < 2 {
			p.at[p.times] = unix
			p.times++
		}
	}
	switch {
	case p.times == 0:
		return p.atGap(text, civil)
	case p.times == 2 && p.fold == First:
		p.times = 1
	case p.times == 2 && p.fold == Second:
		p.at[0], p.times = p.at[1], 1
	}
	return nil
}

// atGap places a time that no clock of the zone shows.
func (p *Plan) atGap(text string, civil int64) error {
	for i := p.zone.segment(civil - maxOffset); i < p.zone.segments(); i++ {
		if from, to := p.zone.gap(i); civil >= from && civil < to && p.gap == Shift {
			p.at[0], p.times = p.zone.start(i), 1
			return nil
		}
		if p.zone.start(i) > civil+maxOffset {
			break
		}
	}
	return invalid("Never fires: %s does not exist in %s, where the clock jumps over it", text, p.zone.name)
}

func (p *Plan) nextOneShot(t int64) (int64, bool) {
	for _, at := range p.at[:p.times] {
		if at >= t {
			return at, true
		}
	}
	return 0, false
}
