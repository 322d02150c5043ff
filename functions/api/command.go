package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// Keyed is part of the input of every route that changes something.
type Keyed struct {
	// Key is there for the document; Resolve reads the header itself, because
	// an empty one and two of them must not pass for none.
	Key string `header:"Idempotency-Key" doc:"Names the request, so that it can be sent again when the answer was lost: the same key finds what the first request made. 1 to 255 printable ASCII characters, bare or in double quotes; a new UUID for every new request is a good choice. Without it every request is a new one."`

	key    string
	broken bool
}

// Resolve is for huma.
func (k *Keyed) Resolve(ctx huma.Context) []error {
	var values []string
	ctx.EachHeader(func(name, value string) {
		if name == "Idempotency-Key" {
			values = append(values, value)
		}
	})
	if len(values) > 0 {
		var ok bool
		k.key, ok = unquote(values[0])
		k.broken = !ok || len(values) > 1
	}
	return nil
}

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
	api  *api
	by   string // the id of who asks
	key  string // "" when the request has none
	base []string
}

// command names the request by its caller, route and key.
func (a *api) command(ctx context.Context, k Keyed, route string) (command, error) {
	if k.broken {
		return command{}, invalidKey.problem()
	}
	by := caller(ctx).ID
	return command{api: a, by: by, key: k.key, base: []string{"api", by, route, k.key}}, nil
}

// id of the thing that the command makes: derived from caller, route and key, so that
// the same command makes the same thing, or new.
func (c command) id() string {
	if c.key == "" {
		return uuid.NewString()
	}
	return fn.DeriveID(c.base...)
}

// transact runs work in the kernel's group: what it changes and what it says
// commit together. id names the command and journey the flow that it starts. A
// refusal is an error of work; a value is what the answer is made of.
//
// Requests under one key run one after the other, so that the second sees what
// the first did.
func transact[T any](ctx context.Context, c command, id, journey string, work func(context.Context, fn.Tx) (T, []events.Data, error)) (T, error) {
	ctx = fn.WithLog(ctx, "correlation_id", journey)
	var value T
	_, err := c.api.host.Transact(ctx, id, journey, func(ctx context.Context, tx fn.Tx) (said []events.Data, err error) {
		if c.key != "" {
			if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, id); err != nil {
				return nil, fmt.Errorf("wait for the same key: %w", err)
			}
		}
		value, said, err = work(ctx, tx)
		return said, err
	})
	if err != nil {
		var none T
		return none, err // the work may still be going on: value is not ours to read
	}
	return value, nil
}

// Journey is part of every answer whose request set something going.
type Journey struct {
	ID   string `header:"Quittance-Journey" doc:"The id of what was set going; GET /journeys/{journey_id} shows how far it is."`
	Link string `header:"Link" doc:"The journey, with rel=\"status\" (RFC 8631)."`
}

func journey(id string) Journey {
	return Journey{ID: id, Link: "</journeys/" + id + `>; rel="status"`}
}
