package closuremambu

import (
	"context"
	"errors"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

// withdrawn starts a closure after the withdrawal that emptied the account,
// and says nothing about any other.
func (r room) withdrawn(ctx context.Context, tx fn.Tx, in fn.In[events.WithdrawalCompleted]) ([]events.Data, error) {
	if !in.Data.Closing {
		return nil, nil
	}
	return r.start(ctx, tx, in.Data.AccountID, "Emptied by a withdrawal.")
}

// transferred starts a closure after the transfer that emptied the account it was
// taken from, and says nothing about any other.
func (r room) transferred(ctx context.Context, tx fn.Tx, in fn.In[events.TransferCompleted]) ([]events.Data, error) {
	if !in.Data.Closing {
		return nil, nil
	}
	return r.start(ctx, tx, in.Data.DebitedAccountID(), "Emptied by a transfer.")
}

// taken starts a closure after the bank has taken the last of an account, and
// says nothing about any other.
func (r room) taken(ctx context.Context, tx fn.Tx, in fn.In[events.BankTransactionCompleted]) ([]events.Data, error) {
	if !in.Data.Closing {
		return nil, nil
	}
	return r.start(ctx, tx, in.Data.DstAccountID, "Emptied by the bank.")
}

// requested starts a closure that the customer asked for.
func (r room) requested(ctx context.Context, tx fn.Tx, in fn.In[events.AccountCloseRequested]) ([]events.Data, error) {
	return r.start(ctx, tx, in.Data.AccountID, "Closed at the customer's request.")
}

// start opens the closure, if the ledger agrees that the account is empty and
// frozen. The event alone is not believed: it may be old, or not ours.
func (r room) start(ctx context.Context, tx fn.Tx, accountID, why string) ([]events.Data, error) {
	account, err := ledger.Find(ctx, tx, accountID)
	found := !errors.Is(err, ledger.ErrAccountNotFound)
	if err != nil && found {
		return nil, err
	}
	id := closure.ID(accountID)
	switch may, reason := decideStart(account, found); {
	case reason != "":
		r.count.Failed(ctx, tx, closure.StepStart)
		fn.Log(ctx).WarnContext(ctx, "no closure", "error", string(reason), "status", account.Status)
		return []events.Data{events.ClosureRefused{ClosureID: id, AccountID: accountID, System: "ledger", Reason: reason}}, nil
	case !may:
		return nil, nil
	}
	started, err := closure.Start(ctx, tx, accountID, why)
	if err != nil || !started {
		return nil, err
	}
	r.count.Started(ctx, tx)
	return []events.Data{events.ClosureStarted{ClosureID: id, AccountID: accountID}}, nil
}
