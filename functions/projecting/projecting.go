package projecting

import (
	"context"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/query"
)

// Name of the service.
const Name = "query"

// New makes the function.
func New() fn.Function {
	return fn.Function{Name: Name, Handlers: []fn.Handler{
		projection(query.Opened, func(in fn.In[events.AccountOpened]) query.Account {
			return query.OfOpening(in.Data, in.Time)
		}),
		projection(query.Posted, func(in fn.In[events.DepositCompleted]) query.Transaction {
			return query.OfDeposit(in.Data, in.Time)
		}),
		projection(query.Posted, func(in fn.In[events.WithdrawalCompleted]) query.Transaction {
			return query.OfWithdrawal(in.Data, in.Time)
		}),
		projection(query.Posted, func(in fn.In[events.InvoiceCredited]) query.Transaction {
			return query.OfInvoice(in.Data, in.Time)
		}),
		projections(query.Posted, func(in fn.In[events.TransferCompleted]) []query.Transaction {
			return query.OfTransfer(in.Data, in.Time)
		}),
		projection(query.Posted, func(in fn.In[events.BankTransactionCompleted]) query.Transaction {
			return query.OfBankTransaction(in.Data, in.Time)
		}),
		projection(query.Closing, func(in fn.In[events.ClosureStarted]) string {
			return in.Data.AccountID
		}),
		projection(query.Closed, func(in fn.In[events.AccountClosed]) query.Account {
			return query.Account{ID: in.Data.AccountID, ClosedAt: in.Time}
		}),
	}}
}

// projection handles a group of events by what each means, in one write.
func projection[D events.Data, T any](
	write func(context.Context, query.Execer, []T) error, meaning func(fn.In[D]) T,
) fn.Handler {
	return projections(write, func(in fn.In[D]) []T { return []T{meaning(in)} })
}

// projections is projection for events that mean more than one row.
func projections[D events.Data, T any](
	write func(context.Context, query.Execer, []T) error, meaning func(fn.In[D]) []T,
) fn.Handler {
	return fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[D]) ([][]events.Data, error) {
		rows := make([]T, 0, len(ins))
		for _, in := range ins {
			rows = append(rows, meaning(in)...)
		}
		return make([][]events.Data, len(ins)), write(ctx, tx, rows)
	})
}
