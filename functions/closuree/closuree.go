package closuree

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/externale"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

// Name of the function.
const Name = "closure-e"

// E closes accounts in the external system. A result says confirmed or
// refused; an error says that nobody knows, and asks for the same call again.
type E interface {
	Close(ctx context.Context, q externale.CloseRequest) (externale.CloseResult, error)
}

// New makes the function.
func New(client E, count *closure.Counters) fn.Function {
	r := room{e: client, count: count}
	return fn.Function{Name: Name, InStep: true, Handlers: []fn.Handler{
		fn.LogWith(fn.Remote(r.prepare, r.call, r.settle), func(d events.ClosureMambuClosed) []any {
			return closure.LogPairs(d.ClosureID, d.AccountID, closure.StepE)
		}),
		fn.LogWith(fn.Local(r.notified), func(d events.NotificationSent) []any {
			if !aboutClosure(d) {
				return []any{"notification_id", d.NotificationID}
			}
			return closure.LogPairs(closure.ID(d.SubjectID), d.SubjectID, closure.StepEmail)
		}),
	}}
}

type room struct {
	e     E
	count *closure.Counters
}

// request is what prepare freezes: all of it comes from the closure's row.
type request struct {
	attempt int
	close   externale.CloseRequest
}

// prepare takes the closure into E's turn, or finds it there.
func (r room) prepare(ctx context.Context, tx fn.Tx, in fn.In[events.ClosureMambuClosed]) (fn.Plan[request], error) {
	c, err := lock(ctx, tx, in.Data)
	if err != nil {
		return fn.Plan[request]{}, err
	}
	turn, err := decideTurn(c.State)
	if err != nil || turn == over {
		return fn.Done[request](), err
	}
	if turn == begins {
		err = closure.TurnToE(ctx, tx, c)
	} else {
		err = noteLastFailure(ctx, tx, c, in)
	}
	if err != nil {
		return fn.Plan[request]{}, err
	}
	return fn.Call(request{attempt: c.Attempt, close: externale.CloseRequest{
		AccountID: c.AccountID, ClosureID: c.ID, Key: key(c),
	}}), nil
}

func noteLastFailure(ctx context.Context, tx fn.Tx, c closure.Closure, in fn.In[events.ClosureMambuClosed]) error {
	why, err := fn.LastFailure(ctx, tx, Name, in.Source, in.ID)
	if err != nil || why == "" {
		return err
	}
	return closure.NoteFailure(ctx, tx, c, why)
}

// call asks E.
func (r room) call(ctx context.Context, q request) (externale.CloseResult, error) {
	return r.e.Close(closure.LogCall(ctx, q.close.ClosureID, q.close.AccountID, closure.StepE), q.close)
}

// settle records what E said, and if it is yes, that the account is closed.
func (r room) settle(ctx context.Context, tx fn.Tx, in fn.In[events.ClosureMambuClosed], q request, result externale.CloseResult) ([]events.Data, error) {
	c, err := lock(ctx, tx, in.Data)
	if err != nil {
		return nil, err
	}
	switch c.Weigh(closure.ClosingE, q.attempt, result.Confirmed()) {
	case closure.Confirmed:
		return r.finish(ctx, tx, c)
	case closure.Refused:
		why := result.Refused.String()
		if err := closure.Park(ctx, tx, c, why); err != nil {
			return nil, err
		}
		r.count.Failed(ctx, tx, closure.StepE)
		fn.Log(ctx).ErrorContext(ctx, "parked", "error", why)
		return []events.Data{events.ClosureRefused{
			ClosureID: c.ID, AccountID: c.AccountID, System: "e", Reason: events.Reason(result.Refused.Code),
		}}, nil
	default:
		fn.Log(ctx).WarnContext(ctx, "an answer that came too late to matter", "state", c.State, "confirmed", result.Confirmed())
		return nil, nil
	}
}

// finish ends the closure: the row, the ledger and the news in one transaction.
func (r room) finish(ctx context.Context, tx fn.Tx, c closure.Closure) ([]events.Data, error) {
	var account ledger.Account
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) error { return closure.ConfirmE(ctx, tx, c) },
		func(tx fn.Tx) error { return ledger.Close(ctx, tx, c.AccountID) },
		func(tx fn.Tx) (err error) { // as it is then
			account, err = ledger.Find(ctx, tx, c.AccountID)
			return err
		})
	if err != nil {
		return nil, err
	}
	if account.Status != "closed" {
		return nil, fn.Permanent(fmt.Errorf("account %s is closed outside, but %s in the ledger", c.AccountID, account.Status))
	}
	r.count.Completed(ctx, tx)
	return []events.Data{events.AccountClosed{AccountID: c.AccountID, ClosureID: c.ID}}, nil
}

// lock holds the closure an event speaks of. One that is not there will not
// come: what is said of it was said in the transaction that changed it.
func lock(ctx context.Context, tx fn.Tx, d events.ClosureMambuClosed) (closure.Closure, error) {
	c, err := closure.Lock(ctx, tx, d.ClosureID, d.AccountID)
	if errors.Is(err, closure.ErrNotFound) {
		return c, fn.Permanent(fmt.Errorf("closure %s of account %s: %w", d.ClosureID, d.AccountID, err))
	}
	return c, err
}
