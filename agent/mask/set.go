package mask

import (
	"slices"
)

// MinValue is the length, after trimming white space, from which a value is masked.
const MinValue = 6

// maxNodes bounds the automaton. A node costs 21 bytes.
const maxNodes = 1 << 18

// Set recognises the forms of a number of values. The zero value, and nil,
// recognise nothing.
type Set struct {
	root    [256]int32 // transitions of the root, complete
	char    []byte     // the byte on the edge into a node
	child   []int32    // first child, 0 for none
	sibling []int32    // next child of the same parent, 0 for none
	fail    []int32    // node of the longest proper suffix
	depth   []int32    // length of the node's text
	match   []int32    // longest form that ends here, 0 for none
	longest int
	skipped int
}

// New returns the set for values. Forms beyond the bound of the automaton are
// left out, the plain forms of all values last; see [Set.Skipped].
func New(values [][]byte) *Set {
	s := &Set{}
	s.addNode(0, 0)
	var plain, derived [][]byte
	for _, value := range values {
		p, d := forms(value)
		plain, derived = append(plain, p...), append(derived, d...)
	}
	for _, form := range slices.Concat(plain, derived) {
		s.add(form)
	}
	s.link()
	return s
}

// Skipped is how many forms did not fit.
func (s *Set) Skipped() int { return s.skipped }

// Longest is the length of the longest form.
func (s *Set) Longest() int { return s.longest }

func (s *Set) addNode(c byte, depth int32) int32 {
	s.char = append(s.char, c)
	s.child = append(s.child, 0)
	s.sibling = append(s.sibling, 0)
	s.fail = append(s.fail, 0)
	s.depth = append(s.depth, depth)
	s.match = append(s.match, 0)
	return int32(len(s.char) - 1)
}

func (s *Set) add(form []byte) {
	if len(s.char)+len(form) > maxNodes {
		s.skipped++
		return
	}
	at := int32(0)
	for _, c := range form {
		next := s.edge(at, c)
		if next == 0 {
			next = s.addNode(c, s.depth[at]+1)
			if at == 0 {
				s.root[c] = next
			} else {
				s.sibling[next], s.child[at] = s.child[at], next
			}
		}
		at = next
	}
	s.match[at] = int32(len(form))
	s.longest = max(s.longest, len(form))
}

// edge returns the child of node at for c, 0 for none.
func (s *Set) edge(at int32, c byte) int32 {
	if at == 0 {
		return s.root[c]
	}
	for n := s.child[at]; n != 0; n = s.sibling[n] {
		if s.char[n] == c {
			return n
		}
	}
	return 0
}

// link sets the failure links, breadth first, and carries matches along them.
func (s *Set) link() {
	var queue []int32
	for _, n := range s.root {
		if n != 0 {
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for n := s.child[at]; n != 0; n = s.sibling[n] {
			s.fail[n] = s.next(s.fail[at], s.char[n])
			if s.match[n] == 0 {
				s.match[n] = s.match[s.fail[n]]
			}
			queue = append(queue, n)
		}
	}
}

// next returns the state after reading c in state at.
func (s *Set) next(at int32, c byte) int32 {
	for {
		if n := s.edge(at, c); n != 0 || at == 0 {
			return n
		}
		at = s.fail[at]
	}
}
