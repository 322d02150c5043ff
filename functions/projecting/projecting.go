package projecting

import (
	"context"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/query"
)

// Name of the service.
const Name = "query"

// New makes the function.
func New() fn.Function {
	return fn.Function{Name: Name, Handlers: append(
		fn.Together(moved,
			fn.Hear[events.DepositCompleted](), fn.Hear[events.DepositRejected](),
			fn.Hear[events.WithdrawalCompleted](), fn.Hear[events.WithdrawalRejected](),
			fn.Hear[events.TransferCompleted](), fn.Hear[events.TransferRejected](),
			fn.Hear[events.BankTransactionCompleted](), fn.Hear[events.BankTransactionRejected](),
			fn.Hear[events.InvoiceCredited]()),
		projection(query.Opened, func(in fn.In[events.AccountOpened]) query.Account {
			return query.OfOpening(in.Data, in.Time)
		}),
		projection(query.Closing, func(in fn.In[events.ClosureStarted]) string {
			return in.Data.AccountID
		}),
		projection(query.Closed, func(in fn.In[events.AccountClosed]) query.Account {
			return query.Account{ID: in.Data.AccountID, ClosedAt: in.Time}
		}),
	)}
}

// moved handles whatever moved money, or was to: all of a group in one statement,
// so that accounts are touched in one order whatever the events are.
func moved(ctx context.Context, tx fn.Tx, ins []fn.In[events.Data]) ([][]events.Data, error) {
	movements := make([]query.Movement, len(ins))
	for i, in := range ins {
		var ok bool
		if movements[i], ok = query.Of(in.Data, in.Time); !ok {
			return nil, fn.Permanent(fmt.Errorf("%s moves no money", in.Data.Type()))
		}
	}
	return make([][]events.Data, len(ins)), query.Moved(ctx, tx, movements)
}

// projection handles a group of events by what each means, in one write.
func projection[D events.Data, T any](
	write func(context.Context, query.Execer, []T) error, meaning func(fn.In[D]) T,
) fn.Handler {
	return fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[D]) ([][]events.Data, error) {
		rows := make([]T, len(ins))
		for i, in := range ins {
			rows[i] = meaning(in)
		}
		return make([][]events.Data, len(ins)), write(ctx, tx, rows)
	})
}
