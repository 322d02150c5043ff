package closuremambu

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/mambu"
)

// Name of the function.
const Name = "closure-mambu"

// Mambu closes deposit accounts. A result says confirmed or refused; an error
// says that nobody knows, and asks for the same call again.
type Mambu interface {
	Close(ctx context.Context, q mambu.CloseRequest) (mambu.CloseResult, error)
}

// New makes the function.
func New(client Mambu, count *closure.Counters) fn.Function {
	r := room{mambu: client, count: count}
	return fn.Function{Name: Name, InStep: true, Handlers: []fn.Handler{
		fn.LogWith(fn.Local(r.withdrawn), func(d events.WithdrawalCompleted) []any {
			return starting(d.Closing, d.AccountID)
		}),
		fn.LogWith(fn.Local(r.transferred), func(d events.TransferCompleted) []any {
			return starting(d.Closing, d.DebitedAccountID())
		}),
		fn.LogWith(fn.Local(r.taken), func(d events.BankTransactionCompleted) []any {
			return starting(d.Closing, d.DstAccountID)
		}),
		fn.LogWith(fn.Local(r.requested), func(d events.AccountCloseRequested) []any {
			return closure.LogPairs(closure.ID(d.AccountID), d.AccountID, closure.StepStart)
		}),
		fn.LogWith(fn.Remote(r.prepare, r.call, r.settle), func(d events.ClosureStarted) []any {
			return closure.LogPairs(d.ClosureID, d.AccountID, closure.StepMambu)
		}),
	}}
}

// starting is what the log says of a posting, which begins a closure if it left
// the account closing.
func starting(closing bool, accountID string) []any {
	if !closing {
		return []any{"account_id", accountID}
	}
	return closure.LogPairs(closure.ID(accountID), accountID, closure.StepStart)
}

type room struct {
	mambu Mambu
	count *closure.Counters
}

// request is what prepare freezes: all of it comes from the closure's row.
type request struct {
	closureID string
	attempt   int
	close     mambu.CloseRequest
}

// prepare finds out whether it is Mambu's turn.
func (r room) prepare(ctx context.Context, tx fn.Tx, in fn.In[events.ClosureStarted]) (fn.Plan[request], error) {
	var c closure.Closure
	var why string
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) (err error) {
			c, err = lock(ctx, tx, in.Data)
			return err
		},
		func(tx fn.Tx) (err error) {
			why, err = fn.LastFailure(ctx, tx, Name, in.Source, in.ID)
			return err
		})
	if err != nil {
		return fn.Plan[request]{}, err
	}
	turn, err := decideTurn(c.State)
	if err != nil || !turn {
		return fn.Done[request](), err
	}
	if why != "" {
		if err := closure.NoteFailure(ctx, tx, c, why); err != nil {
			return fn.Plan[request]{}, err
		}
	}
	return fn.Call(request{closureID: c.ID, attempt: c.Attempt, close: mambu.CloseRequest{
		AccountID: c.AccountID, Key: key(c), Notes: c.Notes,
	}}), nil
}

// call asks Mambu.
func (r room) call(ctx context.Context, q request) (mambu.CloseResult, error) {
	return r.mambu.Close(closure.LogCall(ctx, q.closureID, q.close.AccountID, closure.StepMambu), q.close)
}

// settle records what Mambu said.
func (r room) settle(ctx context.Context, tx fn.Tx, in fn.In[events.ClosureStarted], q request, result mambu.CloseResult) ([]events.Data, error) {
	c, err := lock(ctx, tx, in.Data)
	if err != nil {
		return nil, err
	}
	switch c.Weigh(closure.ClosingMambu, q.attempt, result.Confirmed()) {
	case closure.Confirmed:
		if err := closure.ConfirmMambu(ctx, tx, c); err != nil {
			return nil, err
		}
		return []events.Data{events.ClosureMambuClosed{ClosureID: c.ID, AccountID: c.AccountID}}, nil
	case closure.Refused:
		why := result.Refused.String()
		if err := closure.Park(ctx, tx, c, why); err != nil {
			return nil, err
		}
		r.count.Failed(ctx, tx, closure.StepMambu)
		fn.Log(ctx).ErrorContext(ctx, "parked", "error", why)
		return []events.Data{events.ClosureRefused{
			ClosureID: c.ID, AccountID: c.AccountID, System: "mambu", Reason: events.Reason(result.Refused.Code),
		}}, nil
	default:
		fn.Log(ctx).WarnContext(ctx, "an answer that came too late to matter", "state", c.State, "confirmed", result.Confirmed())
		return nil, nil
	}
}

// lock holds the closure an event speaks of. One that is not there will not
// come: the event was said in the transaction that made it.
func lock(ctx context.Context, tx fn.Tx, d events.ClosureStarted) (closure.Closure, error) {
	c, err := closure.Lock(ctx, tx, d.ClosureID, d.AccountID)
	if errors.Is(err, closure.ErrNotFound) {
		return c, fn.Permanent(fmt.Errorf("closure %s of account %s: %w", d.ClosureID, d.AccountID, err))
	}
	return c, err
}
