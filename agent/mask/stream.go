package mask

import "slices"

var stars = []byte("***")

// Stream masks one stream of bytes. Make one with [Set.Stream].
type Stream struct {
	set     *Set
	state   int32
	held    []byte // read, not yet given out; as long as the state is deep
	spans   []span // masked parts of held, ascending, neither overlapping nor touching
	starred bool   // the last thing given out was stars
}

type span struct{ start, end int }

// Stream returns a new stream. A nil set masks nothing.
func (s *Set) Stream() *Stream {
	if s != nil && len(s.char) <= 1 {
		s = nil
	}
	return &Stream{set: s}
}

// Write appends to dst what may be given out after reading p, and returns dst.
func (m *Stream) Write(dst, p []byte) []byte {
	if m.set == nil {
		return append(dst, p...)
	}
	if len(m.held) == 0 {
		n := m.clean(p)
		if n > 0 {
			dst, m.starred = append(dst, p[:n]...), false
		}
		p = p[n:]
	}
	from := len(m.held)
	m.held = append(m.held, p...)
	for i := from; i < len(m.held); i++ {
		m.state = m.set.next(m.state, m.held[i])
		if n := int(m.set.match[m.state]); n > 0 {
			m.cover(i+1-n, i+1)
		}
	}
	return m.give(dst, len(m.held)-int(m.set.depth[m.state]))
}

// Switch goes on with another set, which must recognise all that the one before
// does. What was given out stays; what is held is looked at again.
func (m *Stream) Switch(set *Set) {
	if set != nil && len(set.char) <= 1 {
		set = nil
	}
	before := m.spans
	m.set, m.state, m.spans = set, 0, nil
	if set == nil {
		return
	}
	for i, c := range m.held {
		m.state = set.next(m.state, c)
		if n := int(set.match[m.state]); n > 0 {
			m.cover(i+1-n, i+1)
		}
	}
	// A part whose beginning went out already is not found again.
	both := slices.Concat(before, m.spans)
	slices.SortFunc(both, func(a, b span) int { return a.end - b.end })
	m.spans = nil
	for _, s := range both {
		m.cover(s.start, s.end)
	}
}

// Held is how many bytes wait because they may be the beginning of a form.
func (m *Stream) Held() int { return len(m.held) }

// Close appends what was held to dst: the stream has ended. It may be used again
// afterwards, for another stream.
func (m *Stream) Close(dst []byte) []byte {
	dst = m.give(dst, len(m.held))
	m.state, m.starred = 0, false
	return dst
}

// clean returns how many bytes at the start of p can begin no form.
func (m *Stream) clean(p []byte) int {
	for i, c := range p {
		if m.set.root[c] != 0 {
			return i
		}
	}
	return len(p)
}

// cover marks a part of held as masked. Parts come in the order of their ends.
func (m *Stream) cover(start, end int) {
	for len(m.spans) > 0 && m.spans[len(m.spans)-1].end >= start {
		start = min(start, m.spans[len(m.spans)-1].start)
		m.spans = m.spans[:len(m.spans)-1]
	}
	m.spans = append(m.spans, span{start, end})
}

// give appends the first n held bytes to dst, with stars for the masked ones. No
// later match can begin in front of n, so stars may go out before their span ends.
func (m *Stream) give(dst []byte, n int) []byte {
	at, done := 0, 0
	for _, s := range m.spans {
		if s.start >= n {
			break
		}
		dst = m.plain(dst, m.held[at:s.start])
		if !m.starred {
			dst, m.starred = append(dst, stars...), true
		}
		at = min(s.end, n)
		if s.end <= n {
			done++
		}
	}
	dst = m.plain(dst, m.held[at:n])
	m.spans = slices.Delete(m.spans, 0, done)
	for i := range m.spans {
		m.spans[i].start, m.spans[i].end = max(m.spans[i].start-n, 0), m.spans[i].end-n
	}
	m.held = m.held[:copy(m.held, m.held[n:])]
	return dst
}

func (m *Stream) plain(dst, p []byte) []byte {
	if len(p) > 0 {
		m.starred = false
	}
	return append(dst, p...)
}
