package operations

import (
	"context"
	"errors"
	"time"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
)

// Name of the service.
const Name = "banking"

// Book is where the outcomes are written. banking.Book is the one on Postgres.
type Book interface {
	// Finish records outcomes; banking.ErrDiffers for one that contradicts
	// what is known.
	Finish(context.Context, fn.Tx, []banking.Operation) error
	AccountsOpened(context.Context, fn.Tx, []banking.Account) error
	AccountsClosed(context.Context, fn.Tx, []string) error
}

// New makes the function on book.
func New(book Book) fn.Function {
	r := room{book}
	return fn.Function{Name: Name, Handlers: []fn.Handler{
		fn.Batch(silent(r.depositsCompleted)),
		fn.Batch(silent(r.depositsRejected)),
		fn.Batch(silent(r.withdrawalsCompleted)),
		fn.Batch(silent(r.withdrawalsRejected)),
		fn.Batch(silent(r.accountsOpened)),
		fn.Batch(silent(r.accountsClosed)),
	}}
}

type room struct{ book Book }

func (r room) depositsCompleted(ctx context.Context, tx fn.Tx, ins []fn.In[events.DepositCompleted]) error {
	return r.finish(ctx, tx, each(ins, func(in fn.In[events.DepositCompleted]) banking.Operation {
		d := in.Data
		op := outcome(banking.Deposit, banking.Completed, d.OperationID, d.AccountID, d.AmountMinor, d.Currency, in.Time)
		op.BalanceMinor = d.BalanceMinor
		return op
	}))
}

func (r room) depositsRejected(ctx context.Context, tx fn.Tx, ins []fn.In[events.DepositRejected]) error {
	return r.finish(ctx, tx, each(ins, func(in fn.In[events.DepositRejected]) banking.Operation {
		d := in.Data
		op := outcome(banking.Deposit, banking.Failed, d.OperationID, d.AccountID, d.AmountMinor, d.Currency, in.Time)
		op.Reason = d.Reason
		return op
	}))
}

func (r room) withdrawalsCompleted(ctx context.Context, tx fn.Tx, ins []fn.In[events.WithdrawalCompleted]) error {
	return r.finish(ctx, tx, each(ins, func(in fn.In[events.WithdrawalCompleted]) banking.Operation {
		d := in.Data
		op := outcome(banking.Withdrawal, banking.Completed, d.OperationID, d.AccountID, d.AmountMinor, d.Currency, in.Time)
		op.BalanceMinor = d.BalanceMinor
		return op
	}))
}

func (r room) withdrawalsRejected(ctx context.Context, tx fn.Tx, ins []fn.In[events.WithdrawalRejected]) error {
	return r.finish(ctx, tx, each(ins, func(in fn.In[events.WithdrawalRejected]) banking.Operation {
		d := in.Data
		op := outcome(banking.Withdrawal, banking.Failed, d.OperationID, d.AccountID, d.AmountMinor, d.Currency, in.Time)
		op.Reason = d.Reason
		return op
	}))
}

func (r room) accountsOpened(ctx context.Context, tx fn.Tx, ins []fn.In[events.AccountOpened]) error {
	return r.book.AccountsOpened(ctx, tx, each(ins, func(in fn.In[events.AccountOpened]) banking.Account {
		return banking.Account{ID: in.Data.AccountID, CustomerID: in.Data.CustomerID, Currency: in.Data.Currency}
	}))
}

func (r room) accountsClosed(ctx context.Context, tx fn.Tx, ins []fn.In[events.AccountClosed]) error {
	return r.book.AccountsClosed(ctx, tx, each(ins, func(in fn.In[events.AccountClosed]) string {
		return in.Data.AccountID
	}))
}

// finish records the outcomes, and tells of each in the log. A contradiction is
// for a person.
func (r room) finish(ctx context.Context, tx fn.Tx, ops []banking.Operation) error {
	err := r.book.Finish(ctx, tx, ops)
	if errors.Is(err, banking.ErrDiffers) {
		return fn.Permanent(err)
	}
	if err != nil {
		return err
	}
	log := fn.Log(ctx)
	for _, op := range ops {
		about := []any{"operation", op.Kind, "operation_id", op.ID, "account_id", op.AccountID, "status", op.State}
		switch op.State {
		case banking.Failed:
			log.WarnContext(ctx, "operation failed", append(about, "reason", op.Reason)...)
		case banking.Completed:
			log.InfoContext(ctx, "operation completed", about...)
		case banking.Pending: // no outcome
		}
	}
	return nil
}

func outcome(kind banking.Kind, state banking.State, id, account string, minor int64, c money.Currency, at time.Time) banking.Operation {
	return banking.Operation{
		ID: id, Kind: kind, AccountID: account, AmountMinor: minor, Currency: c,
		State: state, RequestedAt: at,
	}
}

// silent makes a batch handler of one that says nothing.
func silent[D events.Data](work func(context.Context, fn.Tx, []fn.In[D]) error) func(context.Context, fn.Tx, []fn.In[D]) ([][]events.Data, error) {
	return func(ctx context.Context, tx fn.Tx, ins []fn.In[D]) ([][]events.Data, error) {
		return make([][]events.Data, len(ins)), work(ctx, tx, ins)
	}
}

func each[T, U any](from []T, to func(T) U) []U {
	out := make([]U, len(from))
	for i, v := range from {
		out[i] = to(v)
	}
	return out
}
