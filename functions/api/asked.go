package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"quittance.dev/events"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/idempotency"
)

// Ledger posts an event of the API's straight to the ledger and returns what that
// said. Its errors are those of direct.Caller.
type Ledger interface {
	Ask(ctx context.Context, e fn.Envelope) (fn.Envelope, error)
}

// noLedger is that of an API which was given none.
type noLedger struct{}

func (noLedger) Ask(context.Context, fn.Envelope) (fn.Envelope, error) {
	return fn.Envelope{}, direct.ErrUnknown
}

// asking is what a command asks the ledger, which answers for it.
type asking[T any] struct {
	event  events.Data
	record func(context.Context, fn.Tx) (recorded bool, err error) // stores what is asked; false: it was asked before, under a key that has been forgotten
	read   func(said fn.Envelope) (T, error)                       // the answer, out of what the ledger said; the same for the same
	quiet  bool                                                    // the answer names no journey
}

// registerAsked adds a route whose answer is the ledger's. First the key is claimed
// and the event is said, in one transaction; then the event is posted straight to
// the ledger; then the answer is stored. Where it ends before that, the same
// request goes on from there: the ledger says what it said before.
func registerAsked[I, T any, P keyedInput[I]](a *api, op huma.Operation, problems []kind, prepare func(context.Context, *I, *command) (asking[T], error)) {
	op.DefaultStatus = http.StatusOK
	registerKeyed[I, T, P](a, op, append(problems, keyExpired, outcomeUnknown), func(ctx context.Context, in *I, c *command) (*Output[T], error) {
		ask, err := prepare(ctx, in, c)
		if err != nil {
			return repetition[T](ctx, a, c, err)
		}
		return askLedger(ctx, a, c, op.DefaultStatus, ask)
	})
}

func askLedger[T any](ctx context.Context, a *api, c *command, status int, ask asking[T]) (*Output[T], error) {
	ctx = fn.WithLog(ctx, "correlation_id", c.journey)
	told := ""
	if !ask.quiet {
		told = c.journey
	}
	var before *idempotency.Answer
	var fresh bool
	said, err := a.host.Transact(ctx, c.id, c.journey, func(ctx context.Context, tx fn.Tx) (_ []events.Data, err error) {
		if before, err = idempotency.Ask(ctx, tx, c.name, c.fingerprint, told); err != nil || before != nil {
			return nil, err
		}
		if fresh, err = ask.record(ctx, tx); err != nil || !fresh {
			return nil, err
		}
		return []events.Data{ask.event}, nil
	})
	if err != nil {
		return nil, err // the work may still be going on: before and fresh are not ours to read
	}
	if before != nil && before.Status != 0 {
		return output[T](before, true), nil
	}
	if !fresh {
		if said, err = a.host.Said(ctx, c.id); err != nil {
			return nil, err
		}
		if len(said) == 0 { // so long ago that what was said has been put away
			return nil, keyExpired.problem()
		}
	}
	if len(said) != 1 {
		return nil, fn.Permanent(fmt.Errorf("%d events stand for the transaction", len(said)))
	}
	outcome, err := a.ledger.Ask(ctx, said[0])
	if err != nil {
		return nil, err
	}
	if outcome.Subject != c.id {
		return nil, fn.Permanent(fmt.Errorf("the ledger answered for %s", outcome.Subject))
	}
	body, err := ask.read(outcome)
	if err != nil {
		return nil, err
	}
	answer := idempotency.Answer{Route: c.name.Route, Status: status, Journey: told}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fn.Permanent(err)
	}
	answer.Body = string(text)
	if _, err := a.host.Transact(ctx, c.id, c.journey, func(_ context.Context, tx fn.Tx) ([]events.Data, error) {
		idempotency.Answered(tx, c.name, answer)
		return nil, nil
	}); err != nil {
		return nil, err
	}
	return output[T](&answer, !fresh), nil
}
