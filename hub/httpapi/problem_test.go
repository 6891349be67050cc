package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/run"
)

// entry is a catalogue entry as the source declares it.
type entry struct {
	code, status, title, hint, room string
}

// TestTheProblemCatalogueIsReviewed lists everything that can be shown to a
// person, from the catalogues of all rooms, in one file that is read as prose.
func TestTheProblemCatalogueIsReviewed(t *testing.T) {
	entries := catalogue(t)
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%-28s %-28s %s\n    %s. %s\n", e.code, e.status, e.room, e.title, e.hint)
	}
	golden(t, "problems.txt", []byte(b.String()))
	wellFormed := regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)?$`)
	status := map[string]string{}
	for _, e := range entries {
		if !wellFormed.MatchString(e.code) {
			t.Errorf("%s: code %q is not lower_case", e.room, e.code)
		}
		if e.hint == "" {
			t.Errorf("%s: %s has no hint", e.room, e.code)
		}
		if before := status[e.code]; before != "" && before != e.status {
			t.Errorf("%s: %s is %s here and %s elsewhere", e.room, e.code, e.status, before)
		}
		status[e.code] = e.status
	}
}

// catalogue reads the problems.go of every room of the hub.
func catalogue(t *testing.T) []entry {
	t.Helper()
	var entries []entry
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "problems.go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		room, _ := filepath.Rel("..", filepath.Dir(path))
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && named(call.Fun, "problem", "New") && len(call.Args) == 4 {
				entries = append(entries, entry{
					code: text(call.Args[0]), status: text(call.Args[1]), title: text(call.Args[2]), hint: text(call.Args[3]), room: "hub/" + room,
				})
			}
			return true
		})
		return nil
	})
	if err != nil || len(entries) < 40 {
		t.Fatalf("found %d problems, %v", len(entries), err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.code+a.room+a.title, b.code+b.room+b.title) })
	return entries
}

func named(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// text is a literal, a sum of literals or a name such as http.StatusNotFound.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
		return e.Value
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	case *ast.SelectorExpr:
		return strings.TrimPrefix(e.Sel.Name, "Status")
	}
	return "(computed)"
}

func TestAnUnknownErrorShowsNothingOfItself(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		code   string
		status int
	}{
		{"unknown", errors.New("select * from secrets: password=hunter2"), "internal", 500},
		{"lost connection", fmt.Errorf("get run: %w", &net.OpError{Op: "read", Err: errors.New("hunter2")}), "storage_unavailable", 503},
		{"database starting", &pgconn.PgError{Code: "57P03", Message: "hunter2"}, "storage_unavailable", 503},
		{"timeout", fmt.Errorf("list: %w", context.DeadlineExceeded), "storage_unavailable", 503},
		{"known", fmt.Errorf("hunter2: %w", run.ErrNotFound.With("No such run")), "run_not_found", 404},
	} {
		var log strings.Builder
		p := httpapi.Explain(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), c.err, "req-1")
		if p.Code != c.code || p.Status != c.status || p.RequestID != "req-1" || strings.Contains(p.Detail+p.Hint+p.Title, "hunter2") {
			t.Errorf("%s: %+v, want %d %s", c.name, p, c.status, c.code)
		}
		if logged := strings.Count(log.String(), "req-1"); (c.status >= 500) != (logged == 1) {
			t.Errorf("%s: logged %d times: %s", c.name, logged, log.String())
		}
		if c.status == 503 && p.RetryAfter == 0 {
			t.Errorf("%s: no Retry-After", c.name)
		}
	}
}
