package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// Paging asks for one page. The zero value is the first page of the hub's size.
type Paging struct {
	Limit  int // the hub takes up to 200
	Cursor string
}

func (p Paging) query() url.Values {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	set(q, "cursor", p.Cursor)
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// page asks for one page of a list.
func page[T any](ctx context.Context, c *Client, r request) (Page[T], error) {
	var p Page[T]
	if err := c.call(ctx, r, &p); err != nil {
		return Page[T]{}, err
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return p, nil
}

// All walks every page of a list, asking for the next one when the last item of
// the page before has been taken. After an error it stops.
func All[T any](ask func(Paging) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		paging := Paging{Limit: 200}
		for {
			p, err := ask(paging)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.NextCursor == "" || p.NextCursor == paging.Cursor {
				return
			}
			paging.Cursor = p.NextCursor
		}
	}
}
