package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds an answer that is read into memory, in bytes.
const maxAnswer = 16 << 20

// request is one request, whole, so that it can be sent again.
type request struct {
	method, path string
	query        url.Values
	key          Key
	mediaType    string
	body         []byte
	header       http.Header
	anonymous    bool // carries no token
	changes      bool // whether it is worth knowing that it was not done
}

// sent is an answer of 2xx.
type sent struct {
	header http.Header
	body   []byte
}

// backoff waits 100 ms before the second attempt, then twice as long each time, 5 s
// at most; half of it is left to chance, so that callers do not come in step.
func backoff(attempt int) time.Duration {
	d := min(100*time.Millisecond<<min(attempt-2, 10), 5*time.Second)
	return d/2 + rand.N(d/2+1)
}

// send sends the request until it is known what became of it. Once an attempt may
// have been done, an answer that the bank gave before it looked for the key, or that
// somebody before the bank gave, tells nothing of that attempt.
func (c *Client) send(ctx context.Context, r request) (*sent, error) {
	open := false // an attempt was made whose outcome is not known
	for attempt := 1; ; attempt++ {
		answer, wait, err := c.once(ctx, r)
		if err == nil {
			return answer, nil
		}
		problem, isProblem := errors.AsType[*Problem](err)
		_, local := errors.AsType[*notSentError](err)
		final := local || (isProblem && !problem.Passes())
		if final && (!open || (isProblem && problem.conclusive())) {
			return nil, err
		}
		open = open || (r.changes && !local && (!isProblem || problem.Status >= http.StatusInternalServerError))
		if final || attempt == c.o.Attempts || ctx.Err() != nil || !pause(ctx, max(wait, c.o.Wait(attempt+1))) {
			if r.changes {
				err = &UnknownError{Key: r.key, Attempts: attempt, Err: err}
			}
			return nil, err
		}
	}
}

// notSentError: the request never left, for want of a token, or because it makes no
// sense.
type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }

// once sends it once. wait is how long the bank asks to wait.
func (c *Client) once(ctx context.Context, r request) (answer *sent, wait time.Duration, _ error) {
	response, err := c.open(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("client: read the answer: %w", err)
	case len(body) > maxAnswer:
		return nil, 0, errors.New("client: the answer is too large")
	case response.StatusCode/100 != 2:
		return nil, retryAfter(response), problemIn(response, body)
	}
	return &sent{response.Header, body}, 0, nil
}

// open sends it and returns the answer with its body still to be read.
func (c *Client) open(ctx context.Context, r request) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	hr, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, &notSentError{fmt.Errorf("client: %w", err)}
	}
	for name, values := range r.header {
		hr.Header[name] = values
	}
	hr.Header.Set("User-Agent", c.o.UserAgent)
	if r.mediaType != "" {
		hr.Header.Set("Content-Type", r.mediaType)
	}
	if r.key != "" {
		hr.Header.Set("Idempotency-Key", string(r.key))
	}
	if !r.anonymous {
		if c.o.Token == nil {
			return nil, &notSentError{errors.New("client: there is no access token")}
		}
		token, err := c.o.Token(ctx)
		if err != nil {
			return nil, &notSentError{fmt.Errorf("client: access token: %w", err)}
		}
		hr.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.o.HTTP.Do(hr)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return response, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// read asks for something.
func read[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var v T
	answer, err := c.send(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return v, err
	}
	return v, decode(answer.body, &v)
}

// change asks for something to be done. Without a key it gets a new one.
func change[T any](ctx context.Context, c *Client, key Key, path string, body any) (Answer[T], error) {
	if key == "" {
		key = NewKey()
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return Answer[T]{}, fmt.Errorf("client: %w", err)
	}
	answer, err := c.send(ctx, request{method: http.MethodPost, path: path, key: key, mediaType: "application/json", body: raw, changes: true})
	if err != nil {
		return Answer[T]{}, err
	}
	done, err := answerOf[T](answer)
	if err != nil { // it is done; what it was answered can be asked for again
		return done, &UnknownError{Key: key, Attempts: 1, Err: err}
	}
	return done, nil
}

func answerOf[T any](answer *sent) (Answer[T], error) {
	a := Answer[T]{
		Journey: answer.header.Get("Quittance-Journey"), Location: answer.header.Get("Location"),
		Replayed: answer.header.Get("Idempotency-Replayed") == "true",
	}
	return a, decode(answer.body, &a.Body)
}

// decode takes members that it does not know: a bank may be newer than its client.
func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("client: the answer cannot be read: %w", err)
	}
	return nil
}

// in is a path with its parameters escaped.
func in(format string, parameters ...string) string {
	escaped := make([]any, len(parameters))
	for i, p := range parameters {
		escaped[i] = url.PathEscape(p)
	}
	return fmt.Sprintf(format, escaped...)
}
