package api

import (
	"context"
	"errors"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
)

// name of the function and its service.
const name = "api"

// Function is what comes in as events: the public types of the catalogue, and
// what webhooks are turned into. No broker delivers to it.
func Function() fn.Function {
	return fn.Function{
		Name: name,
		Handlers: []fn.Handler{
			fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.DepositRequested]) ([]events.Data, error) {
				return takeIn(ctx, tx, banking.Operation{
					ID: in.Data.OperationID, Kind: banking.Deposit, AccountID: in.Data.AccountID,
					AmountMinor: in.Data.AmountMinor, Currency: in.Data.Currency,
				})
			}),
			fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.WithdrawalRequested]) ([]events.Data, error) {
				return takeIn(ctx, tx, banking.Operation{
					ID: in.Data.OperationID, Kind: banking.Withdrawal, AccountID: in.Data.AccountID,
					AmountMinor: in.Data.AmountMinor, Currency: in.Data.Currency,
				})
			}),
			fn.Local(func(_ context.Context, _ fn.Tx, in fn.In[events.ProcessorNotified]) ([]events.Data, error) {
				return []events.Data{in.Data}, nil // under our own source from here on
			}),
		},
	}
}

// takeIn records an operation that somebody else named, and asks the ledger for
// it. Whether the account exists and takes it is for the ledger to say; the
// operation then fails with the reason. The journey has the operation's id, as
// for one that came over POST /deposit.
func takeIn(ctx context.Context, tx fn.Tx, op banking.Operation) ([]events.Data, error) {
	recorded, err := banking.Request(ctx, tx, op)
	switch {
	case errors.Is(err, banking.ErrDiffers):
		return nil, fn.Permanent(err)
	case err != nil || !recorded:
		return nil, err
	}
	return []events.Data{fn.Correlated{Data: requested(op), CorrelationID: op.ID}}, nil
}
