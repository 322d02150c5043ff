package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// Page says which part of a list is wanted.
type Page struct {
	Limit int    // at most so many, 1 to 100; 0 is 50
	After string // Next of the page before; "" is the beginning
}

func (p Page) query() url.Values {
	q := url.Values{}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	set(q, "after", p.After)
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// pages goes through a whole list, page by page. An error ends it.
func pages[T any](ctx context.Context, from Page, list func(context.Context, Page) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			found, next, err := list(ctx, from)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range found {
				if !yield(v, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			from.After = next
		}
	}
}
