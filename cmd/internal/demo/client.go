package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client calls the API as one person, under keys of one run.
type client struct {
	base string
	http *http.Client
	run  string
	// token is asked for each request: it may be a new one.
	token func(context.Context) (string, error)
}

// object is a JSON object of an answer.
type object map[string]any

func (o object) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// refusedError is an answer of 4xx: trying again will not help.
type refusedError struct {
	status int
	body   string
}

func (e refusedError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.body) }

// post sends a command under the key of its step, again until it is answered.
func (c *client) post(ctx context.Context, step, path string, body object) (object, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.again(ctx, step, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(raw))
		if err == nil {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", c.run+"/"+step)
		}
		return r, err
	})
}

// get reads once; an answer of 4xx is refusedError.
func (c *client) get(ctx context.Context, path string) (object, error) {
	return c.again(ctx, path, func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	})
}

// again sends the request until there is an answer other than 5xx, 409 or 429.
func (c *client) again(ctx context.Context, what string, make func(context.Context) (*http.Request, error)) (object, error) {
	var last error
	for {
		answer, err := c.once(ctx, make)
		var refused refusedError
		if err == nil || (errors.As(err, &refused) && refused.status != http.StatusConflict && refused.status != http.StatusTooManyRequests) {
			return answer, err
		}
		last = err
		if !rest(ctx, 100*time.Millisecond) {
			return nil, fmt.Errorf("%s: %w (last: %w)", what, ctx.Err(), last)
		}
	}
}

func (c *client) once(ctx context.Context, make func(context.Context) (*http.Request, error)) (object, error) {
	r, err := make(ctx)
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	switch {
	case response.StatusCode >= 500:
		return nil, fmt.Errorf("%d: %s", response.StatusCode, raw)
	case response.StatusCode >= 400:
		return nil, refusedError{response.StatusCode, string(raw)}
	}
	if response.Header.Get("Content-Type") == "application/pdf" {
		return object{"pdf": string(raw)}, nil
	}
	var answer object
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // amounts stay as they were written
	return answer, d.Decode(&answer)
}

// until reads path until done says so.
func (c *client) until(ctx context.Context, what, path string, done func(object) (bool, error)) (object, error) {
	for {
		answer, err := c.get(ctx, path)
		var refused refusedError
		if err != nil && (!errors.As(err, &refused) || refused.status != http.StatusNotFound) {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		if err == nil {
			ok, err := done(answer)
			if err != nil {
				return answer, fmt.Errorf("%s: %w", what, err)
			}
			if ok {
				return answer, nil
			}
		}
		if !rest(ctx, 50*time.Millisecond) {
			return answer, fmt.Errorf("%s: not in time; it stands at %v", what, answer)
		}
	}
}

func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
