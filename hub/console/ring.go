package console

// Sizes of what is kept and what is on its way.
const (
	// Kept is how many bytes of output one can come back to.
	Kept = 256 << 10
	// window is what an agent sends before the hub has taken it.
	window = 256 << 10
)

// ring holds the end of a stream of bytes: what is kept, and room for what may come
// while somebody reads the oldest of it.
type ring struct {
	buf [Kept + window]byte
	end int64 // offset of the byte that comes next
}

// oldest is the offset of the first byte that is still there.
func (r *ring) oldest() int64 { return max(0, r.end-int64(len(r.buf))) }

// kept is the offset of the first byte that one can come back to.
func (r *ring) kept() int64 { return max(0, r.end-Kept) }

// write appends p, of which there is never more than the ring holds.
func (r *ring) write(p []byte) {
	for len(p) > 0 {
		n := copy(r.buf[r.end%int64(len(r.buf)):], p)
		p = p[n:]
		r.end += int64(n)
	}
}

// read returns at most limit bytes from an offset that is there.
func (r *ring) read(from int64, limit int) []byte {
	n := min(int64(limit), r.end-from)
	out := make([]byte, 0, n)
	for n > 0 {
		at := from % int64(len(r.buf))
		piece := r.buf[at:min(at+n, int64(len(r.buf)))]
		out = append(out, piece...)
		from, n = from+int64(len(piece)), n-int64(len(piece))
	}
	return out
}
