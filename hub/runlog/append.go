package runlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/runlog/internal/db"
)

// Refused is the answer for a chunk that [Chunk.Check] refuses. It spoils no
// other chunk of its batch.
const Refused int64 = -1

// Append stores chunks of any number of attempts in one transaction and returns,
// for each in order, how many framed bytes of its attempt are durable. A chunk
// that does not begin exactly there is not stored: it is a repetition, or what
// lies before it is missing; the caller sends from the answer on.
func (s *Store) Append(ctx context.Context, chunks []Chunk) ([]int64, error) {
	batch := s.prepare(chunks)
	if len(batch.keys) > 0 {
		if err := s.db.InTx(ctx, func(tx pgx.Tx) error { return batch.store(ctx, db.New(tx)) }); err != nil {
			return nil, fmt.Errorf("append %d log chunks: %w", len(chunks), err)
		}
	}
	for _, run := range batch.grown() {
		s.ring(run)
	}
	s.written.Add(batch.size)
	return batch.durable(), nil
}

// batch is chunks on their way into one transaction. Everything that needs no
// lock is done before it begins.
type batch struct {
	chunks []prepared
	keys   []key // distinct, in order
	heads  map[key]*head
	size   int64 // framed bytes that were stored
}

type prepared struct {
	Chunk
	shape
	data    []byte
	refused bool
}

type head struct {
	Head
	grown bool
}

func (s *Store) prepare(chunks []Chunk) *batch {
	b := &batch{chunks: make([]prepared, len(chunks))}
	for i, c := range chunks {
		shape, err := examine(c.Frames)
		b.chunks[i] = prepared{Chunk: c, shape: shape, refused: err != nil}
		if err == nil {
			b.chunks[i].data = s.codec.pack(c.Frames)
			b.keys = append(b.keys, c.key())
		}
	}
	slices.SortFunc(b.keys, compareKeys)
	b.keys = slices.Compact(b.keys)
	return b
}

// store is the transaction; it may run more than once.
func (b *batch) store(ctx context.Context, q *db.Queries) error {
	if err := b.lock(ctx, q); err != nil {
		return err
	}
	rows := b.place()
	if len(rows.RunIds) == 0 {
		return nil
	}
	return q.Store(ctx, rows)
}

// lock reads the heads of all attempts of the batch and keeps others from moving
// them; new attempts get one.
func (b *batch) lock(ctx context.Context, q *db.Queries) error {
	runs, attempts := columns(b.keys)
	rows, err := q.LockHeads(ctx, runs, attempts)
	if err != nil {
		return fmt.Errorf("lock heads: %w", err)
	}
	if len(rows) < len(b.keys) {
		if err := q.EnsureHeads(ctx, runs, attempts); err != nil {
			return fmt.Errorf("begin heads: %w", err)
		}
		if rows, err = q.LockHeads(ctx, runs, attempts); err != nil {
			return fmt.Errorf("lock new heads: %w", err)
		}
	}
	b.heads = make(map[key]*head, len(rows))
	for _, r := range rows {
		b.heads[key{r.RunID, r.Attempt}] = &head{Head: Head{Bytes: r.Durable, Content: r.Content, Lines: r.Lines, Open: r.OpenLine}}
	}
	return nil
}

// place gives every chunk that fits its place and moves the heads.
func (b *batch) place() db.StoreParams {
	var p db.StoreParams
	b.size = 0
	for _, c := range b.chunks {
		if c.refused {
			continue
		}
		h := b.heads[c.key()]
		if c.Offset != h.Bytes {
			continue
		}
		p.RunIds, p.Attempts = append(p.RunIds, c.RunID), append(p.Attempts, c.Attempt)
		p.Offs, p.Lens = append(p.Offs, h.Bytes), append(p.Lens, int32(len(c.Frames)))
		p.ContentOffs, p.ContentLens = append(p.ContentOffs, h.Content), append(p.ContentLens, int32(c.content))
		p.FirstLines, p.LineCounts = append(p.FirstLines, h.Lines+1), append(p.LineCounts, int32(c.lines))
		p.FirstAts, p.LastAts = append(p.FirstAts, c.first), append(p.LastAts, c.last)
		p.Datas = append(p.Datas, c.data)
		h.Bytes, h.Content, h.Lines = h.Bytes+int64(len(c.Frames)), h.Content+c.content, h.Lines+c.lines
		h.Open, h.grown = c.open, true
		b.size += int64(len(c.Frames))
	}
	for _, k := range b.keys {
		if h := b.heads[k]; h.grown {
			p.HeadRunIds, p.HeadAttempts = append(p.HeadRunIds, k.run), append(p.HeadAttempts, k.attempt)
			p.Durables, p.Contents = append(p.Durables, h.Bytes), append(p.Contents, h.Content)
			p.Totals, p.Opens = append(p.Totals, h.Lines), append(p.Opens, h.Open)
		}
	}
	return p
}

func (b *batch) durable() []int64 {
	durable := make([]int64, len(b.chunks))
	for i, c := range b.chunks {
		if durable[i] = Refused; !c.refused {
			durable[i] = b.heads[c.key()].Bytes
		}
	}
	return durable
}

// grown returns the runs whose followers have something to read.
func (b *batch) grown() []uuid.UUID {
	var runs []uuid.UUID
	for _, k := range b.keys {
		if b.heads[k].grown {
			runs = append(runs, k.run)
		}
	}
	return slices.Compact(runs)
}

func columns(keys []key) ([]uuid.UUID, []int32) {
	runs, attempts := make([]uuid.UUID, len(keys)), make([]int32, len(keys))
	for i, k := range keys {
		runs[i], attempts[i] = k.run, k.attempt
	}
	return runs, attempts
}

func compareKeys(a, b key) int {
	if c := slices.Compare(a.run[:], b.run[:]); c != 0 {
		return c
	}
	return int(a.attempt) - int(b.attempt)
}
