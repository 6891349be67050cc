package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store with a run to put artifacts for.
type world struct {
	*Store
	t  *testing.T
	pg *postgres.DB
	of Owner
}

func newWorld(t *testing.T, limits Limits) *world {
	t.Helper()
	pg := pgtest.New(t)
	s, err := New(pg, Config{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: s, t: t, pg: pg}
	w.of = w.owner(uuid.New())
	return w
}

// owner is a new run of a project.
func (w *world) owner(project uuid.UUID) Owner {
	w.t.Helper()
	of := Owner{Project: project, Run: uuid.New(), Attempt: 1}
	_, err := w.pg.Pool.Exec(context.Background(),
		"insert into runs (id, project_id, job_id, job_version, trigger, job_name) values ($1, $2, $3, 1, 'manual', 'nightly')", of.Run, project, uuid.New())
	if err != nil {
		w.t.Fatal(err)
	}
	return of
}

func (w *world) in(do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx := context.Background()
	return w.pg.InTx(ctx, func(tx pgx.Tx) error { return do(ctx, tx) })
}

func (w *world) begin(of Owner, name string, size int64) (id uuid.UUID, err error) {
	return id, w.in(func(ctx context.Context, tx pgx.Tx) error {
		id, err = w.Begin(ctx, tx, of, name, size)
		return err
	})
}

func (w *world) write(of Owner, id uuid.UUID, offset int64, data []byte) error {
	return w.in(func(ctx context.Context, tx pgx.Tx) error { return w.Write(ctx, tx, of, id, offset, data) })
}

func (w *world) finish(of Owner, id uuid.UUID, sum [32]byte) (a Artifact, err error) {
	return a, w.in(func(ctx context.Context, tx pgx.Tx) error {
		a, err = w.Finish(ctx, tx, of, id, sum[:])
		return err
	})
}

// send begins an artifact and writes all of it.
func (w *world) send(of Owner, name string, data []byte) uuid.UUID {
	w.t.Helper()
	id, err := w.begin(of, name, int64(len(data)))
	if err != nil {
		w.t.Fatal(err)
	}
	for at := 0; at < len(data); at += ChunkBytes {
		if err := w.write(of, id, int64(at), data[at:min(at+ChunkBytes, len(data))]); err != nil {
			w.t.Fatal(err)
		}
	}
	return id
}

func (w *world) put(of Owner, name string, data []byte) Artifact {
	w.t.Helper()
	a, err := w.finish(of, w.send(of, name, data), sha256.Sum256(data))
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) read(of Owner, name string) ([]byte, error) {
	a, err := w.Find(context.Background(), of.Project, of.Run, name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(w.Open(context.Background(), of.Project, a))
}

func (w *world) count(table string) (n int) {
	w.t.Helper()
	if err := w.pg.Pool.QueryRow(context.Background(), "select count(*) from "+table).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// pattern is data in which no chunk is like another.
func pattern(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}

func code(err error) string {
	if p, ok := problem.As(err); ok && p.Hint != "" && p.Detail != "" {
		return p.Code
	}
	return fmt.Sprint(err)
}

func TestWhatIsPutIsReadFromAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	for _, size := range []int{0, 1, ChunkBytes - 1, ChunkBytes, ChunkBytes + 1, 3*ChunkBytes + 7} {
		data := pattern(size)
		name := fmt.Sprintf("%d bytes ü.csv", size)
		a := w.put(w.of, name, data)
		if a.Size != int64(size) || a.Sum() != fmt.Sprintf("%x", sha256.Sum256(data)) || a.ContentType != "text/csv" || a.Attempt != 1 || a.MadeAt.IsZero() {
			t.Errorf("%d bytes are %+v", size, a)
		}
		found, err := w.Find(t.Context(), w.of.Project, w.of.Run, name)
		if err != nil || found.ID != a.ID || !bytes.Equal(found.SHA256, a.SHA256) {
			t.Errorf("%s is found as %+v, %v", name, found, err)
		}
		if err := iotest.TestReader(w.Open(t.Context(), w.of.Project, found), data); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	all, err := w.List(t.Context(), w.of.Project, w.of.Run)
	if err != nil || len(all) != 6 || all[0].Name != "0 bytes ü.csv" {
		t.Errorf("the list is %+v, %v", all, err)
	}
	total, err := w.Total(t.Context(), w.of.Run)
	if err != nil || total.Count != 6 || total.Bytes != int64(6*ChunkBytes+8) || total.MadeAt == nil {
		t.Errorf("all together is %+v, %v", total, err)
	}
}

func TestNothingIsSeenBeforeItIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	data := pattern(ChunkBytes + 10)
	sum := sha256.Sum256(data)
	id, err := w.begin(w.of, "report", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	unseen := func(when string) {
		t.Helper()
		if _, err := w.read(w.of, "report"); code(err) != "artifact_not_found" {
			t.Errorf("%s: %v", when, err)
		}
		if _, err := w.Chunk(t.Context(), w.of.Project, id, 0); code(err) != "artifact_not_found" {
			t.Errorf("%s its chunk: %v", when, err)
		}
		if total, err := w.Total(t.Context(), w.of.Run); err != nil || total != (Total{}) {
			t.Errorf("%s: %+v, %v", when, total, err)
		}
	}
	unseen("at its beginning")
	if _, err := w.finish(w.of, id, sum); code(err) != "artifact_chunk_invalid" {
		t.Errorf("the end of nothing: %v", err)
	}
	if err := w.write(w.of, id, 0, data[:ChunkBytes]); err != nil {
		t.Fatal(err)
	}
	unseen("in the middle")
	if err := w.write(w.of, id, ChunkBytes, data[ChunkBytes:]); err != nil {
		t.Fatal(err)
	}
	wrong := sum
	wrong[31] ^= 1
	if _, err := w.finish(w.of, id, wrong); code(err) != "artifact_damaged" {
		t.Errorf("another digest: %v", err)
	}
	unseen("with another digest")
	if _, err := w.finish(w.of, id, sum); err != nil {
		t.Fatal(err)
	}
	if got, err := w.read(w.of, "report"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := w.finish(w.of, id, sum); code(err) != "artifact_put_gone" {
		t.Errorf("the end twice: %v", err)
	}
}

func TestChunksComeInOrderAndMayComeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	data := pattern(2*ChunkBytes + 5)
	id, err := w.begin(w.of, "report", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(offset int64, data []byte) {
		t.Helper()
		if err := w.write(w.of, id, offset, data); code(err) != "artifact_chunk_invalid" {
			t.Errorf("%d bytes at %d: %v", len(data), offset, err)
		}
	}
	refused(ChunkBytes, data[ChunkBytes:2*ChunkBytes]) // not yet
	refused(0, data[:5])
	refused(0, data[:ChunkBytes+1])
	refused(0, nil)
	refused(5, data[:ChunkBytes])
	refused(-ChunkBytes, data[:ChunkBytes])
	refused(1<<62, data[:ChunkBytes])
	for range 3 {
		for at := 0; at < len(data); at += ChunkBytes {
			if err := w.write(w.of, id, int64(at), data[at:min(at+ChunkBytes, len(data))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused(3*ChunkBytes, data[:1])
	if a, err := w.finish(w.of, id, sha256.Sum256(data)); err != nil || a.Size != int64(len(data)) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestNobodyElseWritesOrReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	data := []byte("mine")
	id := w.send(w.of, "report", data)
	for what, of := range map[string]Owner{
		"another run":     w.owner(w.of.Project),
		"another attempt": {w.of.Project, w.of.Run, 2},
	} {
		if err := w.write(of, id, 0, data); code(err) != "artifact_put_gone" {
			t.Errorf("%s writes: %v", what, err)
		}
		if _, err := w.finish(of, id, sha256.Sum256(data)); code(err) != "artifact_put_gone" {
			t.Errorf("%s finishes: %v", what, err)
		}
		if err := w.in(func(ctx context.Context, tx pgx.Tx) error { return w.Drop(ctx, tx, of, id) }); err != nil {
			t.Errorf("%s drops: %v", what, err)
		}
	}
	if _, err := w.finish(w.of, id, sha256.Sum256(data)); err != nil {
		t.Fatalf("after all that: %v", err)
	}
	stranger := Owner{uuid.New(), w.of.Run, 1}
	if _, err := w.read(stranger, "report"); code(err) != "artifact_not_found" {
		t.Errorf("another project reads: %v", err)
	}
	if _, err := w.Chunk(t.Context(), stranger.Project, id, 0); code(err) != "artifact_not_found" {
		t.Errorf("another project reads a chunk: %v", err)
	}
	if all, err := w.List(t.Context(), stranger.Project, w.of.Run); err != nil || len(all) != 0 {
		t.Errorf("another project lists %v, %v", all, err)
	}
}

func TestTheLastPutOfANameWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	first, second := pattern(2*ChunkBytes), []byte("second")
	old := w.put(w.of, "report", first)
	reader := w.Open(t.Context(), w.of.Project, old)
	if _, err := io.ReadFull(reader, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	next := w.of
	next.Attempt = 2
	w.put(next, "report", second)
	if got, err := w.read(w.of, "report"); err != nil || !bytes.Equal(got, second) {
		t.Errorf("%q, %v", got, err)
	}
	if rest, err := io.ReadAll(reader); code(err) != "artifact_not_found" || len(rest) > ChunkBytes {
		t.Errorf("who was reading the old one gets %d bytes more and %v", len(rest), err)
	}
	if a, c := w.count("artifacts"), w.count("artifact_chunks"); a != 1 || c != 1 {
		t.Errorf("%d artifacts and %d chunks are kept", a, c)
	}
}

func TestOfManyAtOnceOneIsTheArtifact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			data := bytes.Repeat([]byte{byte(i)}, ChunkBytes+1+i)
			id, err := w.begin(w.of, "report", int64(len(data)))
			if err == nil {
				err = errors.Join(w.write(w.of, id, 0, data[:ChunkBytes]), w.write(w.of, id, ChunkBytes, data[ChunkBytes:]))
			}
			if err == nil {
				_, err = w.finish(w.of, id, sha256.Sum256(data))
			}
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	got, err := w.read(w.of, "report")
	if err != nil || len(got) != ChunkBytes+1+int(got[0]) || !bytes.Equal(got, bytes.Repeat(got[:1], len(got))) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if all, err := w.List(t.Context(), w.of.Project, w.of.Run); err != nil || len(all) != 1 {
		t.Errorf("%d artifacts, %v", len(all), err)
	}
}

func TestLimitsHoldBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{Artifact: 100, Run: 250, Count: 4})
	try := func(name string, size int64, want string) {
		t.Helper()
		if _, err := w.begin(w.of, name, size); code(err) != want {
			t.Errorf("%s of %d bytes: %v, want %s", name, size, err, want)
		}
	}
	try("large", 101, "artifact_too_large")
	try("negative", -1, "artifact_too_large")
	w.put(w.of, "a", pattern(100))
	w.put(w.of, "b", pattern(100))
	try("c", 51, "artifacts_too_large")
	w.put(w.of, "b", pattern(99)) // in place of the one that is there
	id := w.send(w.of, "c", pattern(51))
	try("d", 1, "artifacts_too_large") // what is being put counts
	if err := w.in(func(ctx context.Context, tx pgx.Tx) error { return w.Drop(ctx, tx, w.of, id) }); err != nil {
		t.Fatal(err)
	}
	w.put(w.of, "c", nil)
	w.put(w.of, "d", nil)
	try("e", 0, "too_many_artifacts")
	w.put(w.of, "d", []byte("again"))
	other := w.owner(w.of.Project)
	w.put(other, "e", pattern(100)) // another run has limits of its own
}

func TestManyThatBeginAtOnceDoNotOutwitTheLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{Artifact: 10, Run: 30, Count: 100})
	var all sync.WaitGroup
	var mu sync.Mutex
	begun := 0
	for i := range 12 {
		all.Go(func() {
			_, err := w.begin(w.of, fmt.Sprint(i), 10)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				begun++
			} else if code(err) != "artifacts_too_large" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if begun != 3 {
		t.Errorf("%d of 12 began, want 3", begun)
	}
}

func TestLimitsOfTheOperatorAreChecked(t *testing.T) {
	t.Parallel()
	for _, l := range []Limits{
		{Artifact: -1}, {Artifact: maxArtifact + 1}, {Run: maxRun + 1}, {Artifact: 2, Run: 1}, {Count: -1}, {Count: 1001},
	} {
		if err := l.fill(); code(err) != "artifact_limits_invalid" {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for _, c := range []struct{ given, want Limits }{
		{Limits{}, Limits{256 << 20, 1 << 30, 100}}, {Limits{Artifact: 4 << 30}, Limits{4 << 30, 4 << 30, 100}}, {Limits{1, 1, 1}, Limits{1, 1, 1}},
	} {
		if err := c.given.fill(); err != nil || c.given != c.want {
			t.Errorf("%+v, %v; want %+v", c.given, err, c.want)
		}
	}
}

func TestANameLeadsNowhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", ".", "..", "/", "a/b", "../a", "..\\a", "a\\b", "/etc/passwd", " a", "a ", "a\x00b", "a\nb", "a\tb", "\x7f", "a\u202efdp.exe",
		"a\u200bb", "a\u2028b", "\u00a0", "\xff", "\xed\xa0\x80", strings.Repeat("x", 256), strings.Repeat("ü", 128),
	} {
		if err := CheckName(name); code(err) != "artifact_name_invalid" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"report.pdf", "a", "...", ".env", "Bericht März 2026 (v2).csv", "отчёт.txt", "報告.txt", "a:b*?\"<>|'$`;&.txt", "-rf", "50%.txt", "🐘", strings.Repeat("x", 255),
	} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, seed := range []string{"a", "..", "a/b", "\u202e", "ü\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) == nil && (strings.ContainsAny(name, "/\\\x00\n\r") || name == "." || name == ".." || len(name) > 255) {
			t.Errorf("%q is let through", name)
		}
	})
}

func TestWhatIsLeftIsSweptAndTheRestStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	kept := w.put(w.of, "kept", []byte("kept"))
	left := w.send(w.of, "left", pattern(ChunkBytes+1))
	fresh := w.send(w.of, "fresh", pattern(1))
	if _, err := w.pg.Pool.Exec(t.Context(), "update artifacts set touched_at = touched_at - interval '6 minutes' where id <> $1", fresh); err != nil {
		t.Fatal(err)
	}
	if err := w.sweep(t.Context(), abandoned); err != nil {
		t.Fatal(err)
	}
	if err := w.write(w.of, left, 0, pattern(ChunkBytes)); code(err) != "artifact_put_gone" {
		t.Errorf("what was left goes on: %v", err)
	}
	if _, err := w.finish(w.of, fresh, sha256.Sum256(pattern(1))); err != nil {
		t.Errorf("what goes on was swept: %v", err)
	}
	if got, err := w.read(w.of, kept.Name); err != nil || string(got) != "kept" {
		t.Errorf("%q, %v", got, err)
	}
	if a, c := w.count("artifacts"), w.count("artifact_chunks"); a != 2 || c != 2 {
		t.Errorf("%d artifacts and %d chunks are kept", a, c)
	}
}

func TestTheLoopSweepsAtOnceAndEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	w.send(w.of, "left", pattern(1))
	if _, err := w.pg.Pool.Exec(t.Context(), "update artifacts set touched_at = touched_at - interval '6 minutes'"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(10 * time.Second); w.count("artifacts") > 0; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("nothing was swept")
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestArtifactsEndWithTheirRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	other := w.owner(w.of.Project)
	w.put(w.of, "a", pattern(ChunkBytes+1))
	w.put(other, "a", []byte("other"))
	if _, err := w.pg.Pool.Exec(t.Context(), "delete from runs where id = $1", w.of.Run); err != nil {
		t.Fatal(err)
	}
	if a, c := w.count("artifacts"), w.count("artifact_chunks"); a != 1 || c != 1 {
		t.Errorf("%d artifacts and %d chunks are kept", a, c)
	}
	if got, err := w.read(other, "a"); err != nil || string(got) != "other" {
		t.Errorf("%q, %v", got, err)
	}
}

// Two hubs on one database: chunks come by one and by the other.
func TestAPutGoesOnAtAnotherHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	second, err := New(w.pg, Config{})
	if err != nil {
		t.Fatal(err)
	}
	data := pattern(3*ChunkBytes + 1)
	hubs := []*Store{w.Store, second}
	id, err := w.begin(w.of, "report", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i*ChunkBytes < len(data); i++ {
		at := i * ChunkBytes
		err := w.in(func(ctx context.Context, tx pgx.Tx) error {
			return hubs[i%2].Write(ctx, tx, w.of, id, int64(at), data[at:min(at+ChunkBytes, len(data))])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.finish(w.of, id, sha256.Sum256(data)); err != nil {
		t.Fatal(err)
	}
	if got, err := w.read(w.of, "report"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
