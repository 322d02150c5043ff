package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"quittance.dev/events"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/idempotency"
)

// Keyed is part of the input of every route that changes something.
type Keyed struct {
	// Key is there for the document; Resolve reads the header itself, because
	// an empty one and two of them must not pass for none.
	Key string `header:"Idempotency-Key" doc:"Names the request, so that it can be sent again when the answer was lost: the same key and the same content get the same answer, and nothing is done twice. 1 to 255 printable ASCII characters, bare or in double quotes; a new UUID for every new request is a good choice. A key is yours and the route's, and is kept for 30 days."`

	key     string
	missing bool
	broken  bool
}

// Resolve is for huma.
func (k *Keyed) Resolve(ctx huma.Context) []error {
	var values []string
	ctx.EachHeader(func(name, value string) {
		if name == "Idempotency-Key" {
			values = append(values, value)
		}
	})
	k.missing = len(values) == 0
	if len(values) > 0 {
		var ok bool
		k.key, ok = unquote(values[0])
		k.broken = !ok || len(values) > 1
	}
	return nil
}

func (k *Keyed) keyed() *Keyed { return k }

// unquote takes a key bare or as the quoted string of the IETF draft
// (draft-ietf-httpapi-idempotency-key-header), and refuses what is neither.
func unquote(value string) (string, bool) {
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		if value, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", false
		}
	}
	if value == "" || len(value) > 255 {
		return "", false
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return "", false
		}
	}
	return value, true
}

// command is one request to change something.
type command struct {
	by string // the id of who asks
	// id of the thing that the command makes, derived from caller, route and key;
	// journey is the flow that it starts. A route whose thing names itself
	// replaces both.
	id, journey string

	name        idempotency.Name
	fingerprint idempotency.Fingerprint
}

// command names the request by its caller, route and key.
func (a *api) command(ctx context.Context, k *Keyed, op huma.Operation) (*command, error) {
	switch {
	case k.missing:
		return nil, missingKey.problem()
	case k.broken:
		return nil, invalidKey.problem()
	}
	by := caller(ctx).ID
	name := idempotency.Name{Caller: by, Route: op.Method + " " + op.Path, Key: k.key}
	request := askedOf(ctx)
	fingerprint, err := idempotency.Of(name, request.path, request.body)
	if err != nil {
		return nil, err
	}
	id := fn.DeriveID("api", by, name.Route, k.key)
	return &command{by: by, id: id, journey: id, name: name, fingerprint: fingerprint}, nil
}

// made is what a command is answered with.
type made[T any] struct {
	body     T
	location string // of what it made, "" if that has no address
	quiet    bool   // it sets nothing going
}

// work does what a command asks for and says it, within the kernel's transaction.
// A refusal is its error.
type work[T any] func(ctx context.Context, tx fn.Tx) (made[T], []events.Data, error)

// Output is the answer to a command.
type Output[T any] struct {
	Journey
	Location string `header:"Location" doc:"What was made, where it has an address."`
	Replayed string `header:"Idempotency-Replayed" doc:"true when the request came before and this is the answer that it got."`
	Body     Kept[T]
}

// keyedInput is the input of a route that changes something.
type keyedInput[I any] interface {
	*I
	keyed() *Keyed
}

// registerCommand adds a route that changes something. prepare checks the request
// and returns its work. Claim of the key, work, what it says and the answer commit
// together; a repetition gets the answer that is kept.
func registerCommand[I, T any, P keyedInput[I]](a *api, op huma.Operation, problems []kind, prepare func(context.Context, *I, *command) (work[T], error)) {
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	registerKeyed[I, T, P](a, op, problems, func(ctx context.Context, in *I, c *command) (*Output[T], error) {
		do, err := prepare(ctx, in, c)
		if err != nil {
			return repetition[T](ctx, a, c, err)
		}
		return transact(ctx, a, c, op.DefaultStatus, do)
	})
}

// registerKeyed adds a route that takes a key.
func registerKeyed[I, T any, P keyedInput[I]](a *api, op huma.Operation, problems []kind, handle func(context.Context, *I, *command) (*Output[T], error)) {
	problems = append([]kind{missingKey, invalidKey, keyReused, inFlight}, problems...)
	register(a, op, problems, func(ctx context.Context, in *I) (*Output[T], error) {
		c, err := a.command(ctx, P(in).keyed(), op)
		if err != nil {
			return nil, err
		}
		return handle(ctx, in, c)
	})
	for _, p := range a.huma.OpenAPI().Paths[op.Path].Post.Parameters {
		if p.Name == "Idempotency-Key" {
			p.Required = true // for readers; without it the answer is a problem of our own
		}
	}
}

// repetition finds the answer of a request that cannot be prepared: it may have
// been possible when it came first. If it was asked then and has no answer yet, its
// outcome is not known, which is no refusal.
func repetition[T any](ctx context.Context, a *api, c *command, cause error) (*Output[T], error) {
	before, err := idempotency.Find(ctx, a.host.Pool(), c.name, c.fingerprint)
	switch {
	case errors.Is(err, idempotency.ErrNotFound):
		return nil, cause
	case err != nil:
		return nil, err
	case before.Status == 0:
		return nil, fmt.Errorf("%w, and the request cannot be made again: %s", direct.ErrUnknown, cause.Error()) // not wrapped: it is not what is told
	}
	return output[T](before, true), nil
}

// transact runs the command in the kernel's group.
func transact[T any](ctx context.Context, a *api, c *command, status int, do work[T]) (*Output[T], error) {
	ctx = fn.WithLog(ctx, "correlation_id", c.journey)
	var told *Output[T]
	_, err := a.host.Transact(ctx, c.id, c.journey, func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		before, err := idempotency.Claim(ctx, tx, c.name, c.fingerprint)
		if err != nil {
			return nil, err
		}
		if before != nil {
			told = output[T](before, true)
			return nil, nil
		}
		m, said, err := do(ctx, tx)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(m.body)
		if err != nil {
			return nil, fn.Permanent(err)
		}
		answer := idempotency.Answer{Route: c.name.Route, Status: status, Location: m.location, Body: string(body)}
		if !m.quiet {
			answer.Journey = c.journey
		}
		told = output[T](&answer, false)
		return said, idempotency.Keep(ctx, tx, c.name, c.fingerprint, answer)
	})
	if err != nil {
		return nil, err // the work may still be going on: told is not ours to read
	}
	return told, nil
}

func output[T any](a *idempotency.Answer, replayed bool) *Output[T] {
	out := &Output[T]{Location: a.Location, Body: Kept[T]{raw: jsontext.Value(a.Body)}}
	if a.Journey != "" {
		out.Journey = journey(a.Journey)
	}
	if replayed {
		out.Replayed = "true"
	}
	return out
}

// Kept is a body that goes out as it was written when it was made, byte for byte.
type Kept[T any] struct{ raw jsontext.Value }

// MarshalJSON is for the encoder.
func (k Kept[T]) MarshalJSON() ([]byte, error) { return k.raw, nil }

// Schema is that of a T.
func (Kept[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(typeOf[T](), true, "") }

// Journey is part of every answer whose request set something going.
type Journey struct {
	ID   string `header:"Quittance-Journey" doc:"The id of what was set going; GET /journeys/{journey_id} shows how far it is."`
	Link string `header:"Link" doc:"The journey, with rel=\"status\" (RFC 8631)."`
}

func journey(id string) Journey {
	return Journey{ID: id, Link: "</journeys/" + id + `>; rel="status"`}
}
