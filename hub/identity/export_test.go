package identity

// Cheapen makes hashes cost next to nothing, for tests of everything around them.
func (s *Store) Cheapen() { s.hasher.cost = cost{memory: 64, time: 1, threads: 1} }

// Flood makes as many wait for a hash as may, until drain.
func (s *Store) Flood() (drain func()) {
	s.hasher.waiting.Add(hashesWaiting)
	return func() { s.hasher.waiting.Add(-hashesWaiting) }
}
