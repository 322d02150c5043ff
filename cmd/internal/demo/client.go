package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/issuer"
)

// person is somebody of the demo, who asks under keys of one run.
type person struct {
	*client.Client
	run string
}

// key names the request of a step: the same run asks under the same key again.
func (p person) key(step string) client.Key { return client.Key(p.run + "/" + step) }

// as signs in the user of the laptop with this name.
func (o Options) as(name string) (person, error) {
	for _, u := range issuer.Users() {
		if u.Name != name {
			continue
		}
		c, err := client.New(o.API, client.Options{
			HTTP: o.http(), Attempts: 1 << 20, // the context bounds them: a run outlasts an outage
			Wait:  pause,
			Token: func(ctx context.Context) (string, error) { return o.Logins.Token(ctx, u.Email, u.Password()) },
		})
		return person{c, o.Run}, err
	}
	return person{}, fmt.Errorf("nobody is called %s", name)
}

func (o Options) http() *http.Client {
	if o.HTTP == nil {
		return &http.Client{Timeout: 30 * time.Second}
	}
	return o.HTTP
}

// pause is how long to wait after the n-th look, counted from 1: often at first, for
// a person watches, and seldom when it takes long, for then those who work have
// better to do than to answer.
func pause(n int) time.Duration {
	return min(time.Duration(n)*50*time.Millisecond, time.Second)
}

// until reads until done says so. What is not there yet is waited for.
func until[T any](ctx context.Context, what string, read func(context.Context) (T, error), done func(T) (bool, error)) (T, error) {
	for n := 1; ; n++ {
		seen, err := read(ctx)
		problem, refused := errors.AsType[*client.Problem](err)
		if err != nil && (!refused || problem.Type != client.NotFound) {
			return seen, fmt.Errorf("%s: %w", what, err)
		}
		if err == nil {
			ok, err := done(seen)
			if err != nil {
				return seen, fmt.Errorf("%s: %w", what, err)
			}
			if ok {
				return seen, nil
			}
		}
		if !rest(ctx, pause(n)) {
			return seen, fmt.Errorf("%s: not in time; it stands at %+v", what, seen)
		}
	}
}

// of binds a read to what it reads.
func of[T any](read func(context.Context, string) (T, error), id string) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return read(ctx, id) }
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
