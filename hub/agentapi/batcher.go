package agentapi

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// batcher joins the questions of many callers into one call. A lone caller waits
// for nobody: the call begins at once. What arrives while it runs goes together
// into the next one, so batches are as large as the load makes them.
type batcher[Q, A any] struct {
	limit int // questions in one call
	ask   func(ctx context.Context, questions []Q) ([]A, error)
	work  *sync.WaitGroup // whoever waits for the calls to end

	mu      sync.Mutex
	waiting []*asked[Q, A]
	busy    bool
}

type asked[Q, A any] struct {
	ctx       context.Context //nolint:containedctx // of the first caller, for its values
	questions []Q
	answers   []A
	err       error
	done      chan struct{}
}

func newBatcher[Q, A any](work *sync.WaitGroup, limit int, ask func(context.Context, []Q) ([]A, error)) *batcher[Q, A] {
	return &batcher[Q, A]{work: work, limit: limit, ask: ask}
}

// do returns the answers to questions, in order. They are asked even if ctx ends
// meanwhile, because other callers' are asked with them.
func (b *batcher[Q, A]) do(ctx context.Context, questions []Q) ([]A, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	mine := &asked[Q, A]{ctx: ctx, questions: questions, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, mine)
	lead := !b.busy
	b.busy = true
	b.mu.Unlock()
	if lead {
		b.work.Go(b.askAll)
	}
	select {
	case <-mine.done:
		return mine.answers, mine.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// askAll asks until nobody waits.
func (b *batcher[Q, A]) askAll() {
	for {
		batch := b.take()
		if batch == nil {
			return
		}
		b.answer(batch)
	}
}

// take removes whole callers up to the limit, at least one.
func (b *batcher[Q, A]) take() []*asked[Q, A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, size := 0, 0
	for n < len(b.waiting) && (n == 0 || size+len(b.waiting[n].questions) <= b.limit) {
		size += len(b.waiting[n].questions)
		n++
	}
	if n == 0 {
		b.busy = false
		b.waiting = nil
		return nil
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return batch
}

func (b *batcher[Q, A]) answer(batch []*asked[Q, A]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), callTimeout)
	defer cancel()
	questions := batch[0].questions
	if len(batch) > 1 {
		questions = nil
		for _, one := range batch {
			questions = append(questions, one.questions...)
		}
	}
	answers, err := b.askSafely(ctx, questions)
	if err == nil && len(answers) != len(questions) {
		err = errShort
	}
	for _, one := range batch {
		if err != nil {
			one.err = err
		} else {
			one.answers = answers[:len(one.questions):len(one.questions)]
			answers = answers[len(one.questions):]
		}
		close(one.done)
	}
}

// askSafely keeps a panic over one caller's questions from ending the hub. The
// sessions of the batch end instead; see guard.
func (b *batcher[Q, A]) askSafely(ctx context.Context, questions []Q) (answers []A, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
		}
	}()
	return b.ask(ctx, questions)
}
