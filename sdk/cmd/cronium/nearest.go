package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/definition"
	"github.com/cronium/cronium/sdk/problem"
)

// suggest adds the nearest name of a list to a "not found".
func suggest(err error, kind, name string, names func() ([]string, error)) error {
	p, ok := problem.As(err)
	if !ok || p.Status != http.StatusNotFound {
		return err
	}
	known, listErr := names()
	if listErr != nil || slices.Contains(known, name) {
		return err // it is there: something else was not found
	}
	near := ""
	if best := nearest(name, known); best != "" {
		near = fmt.Sprintf(" (did you mean %q?)", best)
	}
	named := p.With("%s %q not found%s", kind, name, near)
	if answer, ok := errors.AsType[*client.AnswerError](err); ok {
		again := *answer
		again.Problem = named
		return &again
	}
	return named
}

// jobMissing adds the nearest job to a "not found".
func (a *app) jobMissing(err error, name string) error {
	return suggest(err, "job", name, func() ([]string, error) {
		page, err := a.hub.Jobs(a.ctx, a.Project, client.JobFilter{}, client.Paging{Limit: 200})
		names := make([]string, len(page.Items))
		for i, j := range page.Items {
			names[i] = j.Name
		}
		return names, err
	})
}

func (a *app) hostMissing(err error, name string) error {
	return suggest(err, "host", name, func() ([]string, error) {
		page, err := a.hub.Hosts(a.ctx, a.Project)
		names := make([]string, len(page.Items))
		for i, h := range page.Items {
			names[i] = h.Name
		}
		return names, err
	})
}

func (a *app) serverMissing(err error, name string) error {
	return suggest(err, "server", name, a.serverNames)
}

func (a *app) serverNames() ([]string, error) {
	page, err := a.hub.Servers(a.ctx, a.Project, false, client.Paging{Limit: 200})
	names := make([]string, len(page.Items))
	for i, s := range page.Items {
		names[i] = s.Name
	}
	return names, err
}

// nearest is the name that differs least from word, if any is near, or else the
// first one that begins with it.
func nearest(word string, names []string) string {
	if best := definition.Nearest(word, names); best != "" || word == "" {
		return best
	}
	for _, name := range names {
		if strings.HasPrefix(name, word) {
			return name
		}
	}
	return ""
}
