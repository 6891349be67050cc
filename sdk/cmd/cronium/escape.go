package main

// escape finds `~.` at the beginning of a line among what is typed, as ssh does.
// `~~` there types one `~`.
type escape struct {
	inside bool // of a line: something was typed on it
	tilde  bool // the line begins with ~, which is held back
}

// filter returns what to send of p, and whether `~.` was typed. What comes after
// that is dropped.
func (e *escape) filter(p []byte) (send []byte, leave bool) {
	for _, b := range p {
		switch {
		case e.tilde && b == '.':
			return send, true
		case e.tilde:
			e.tilde = false
			send = append(send, '~')
			if b == '~' {
				e.inside = true
				continue
			}
		case !e.inside && b == '~':
			e.tilde = true
			continue
		}
		send = append(send, b)
		e.inside = b != '\r' && b != '\n'
	}
	return send, false
}
