package problem_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cronium/cronium/sdk/problem"
)

var errNotFound = problem.New("thing.not_found", http.StatusNotFound, "Thing not found", "List the things.")

func TestAHappeningIsItsCatalogueEntryThroughWrapping(t *testing.T) {
	err := fmt.Errorf("load thing t1: %w", errNotFound.With("no thing %s", "t1"))
	if !errors.Is(err, errNotFound) {
		t.Fatalf("errors.Is(%v, errNotFound) = false, want true", err)
	}
	p, ok := problem.As(err)
	if !ok || p.Detail != "no thing t1" || p.Hint != "List the things." {
		t.Fatalf("As(%v) = %+v, %v; want the detail and the hint", err, p, ok)
	}
	if errNotFound.Detail != "" {
		t.Fatalf("With changed the catalogue entry: %+v", errNotFound)
	}
}

func TestFaultIsTheCallersBelow500(t *testing.T) {
	if got := errNotFound.Fault(); got != problem.Caller {
		t.Fatalf("Fault() of a 404 = %q, want caller", got)
	}
	if got := problem.New("x", 500, "X", "").Fault(); got != problem.Hub {
		t.Fatalf("Fault() of a 500 = %q, want hub", got)
	}
}
