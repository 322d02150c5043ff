package ledgerposting

import (
	"context"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

// New makes the function.
func New() fn.Function {
	return fn.Function{
		Name:         "ledger-posting",
		Serializable: true,
		Handlers: []fn.Handler{
			posting(depositPosting, depositSaid),
			posting(withdrawalPosting, withdrawalSaid),
			posting(invoicePosting, invoiceSaid),
		},
	}
}

// posting makes the handler of one request type: turn every request of the
// group into a posting, post them together, say what became of each.
func posting[D events.Data](ask func(D) ledger.Posting, say func(D, ledger.Outcome) events.Data) fn.Handler {
	return fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[D]) ([][]events.Data, error) {
		postings := make([]ledger.Posting, len(ins))
		for i, in := range ins {
			postings[i] = ask(in.Data)
			postings[i].CorrelationID = in.CorrelationID
		}
		outcomes, err := ledger.Post(ctx, tx, postings)
		if err != nil {
			return nil, err
		}
		said := make([][]events.Data, len(ins))
		for i, in := range ins {
			said[i] = []events.Data{say(in.Data, outcomes[i])}
		}
		return said, nil
	})
}

func depositPosting(d events.DepositRequested) ledger.Posting {
	return ledger.Posting{BusinessKey: ledger.OperationKey(d.OperationID), Kind: ledger.Deposit,
		AccountID: d.AccountID, AmountMinor: d.AmountMinor, Currency: d.Currency}
}

func depositSaid(d events.DepositRequested, o ledger.Outcome) events.Data {
	if o.Status == ledger.Failed {
		return events.DepositRejected{OperationID: d.OperationID, AccountID: d.AccountID,
			AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: o.Reason}
	}
	return events.DepositCompleted{OperationID: d.OperationID, AccountID: d.AccountID,
		AmountMinor: d.AmountMinor, Currency: d.Currency, BalanceMinor: o.BalanceMinor, AccountSeq: o.AccountSeq}
}

func withdrawalPosting(d events.WithdrawalRequested) ledger.Posting {
	return ledger.Posting{BusinessKey: ledger.OperationKey(d.OperationID), Kind: ledger.Withdrawal,
		AccountID: d.AccountID, AmountMinor: d.AmountMinor, Currency: d.Currency}
}

func withdrawalSaid(d events.WithdrawalRequested, o ledger.Outcome) events.Data {
	if o.Status == ledger.Failed {
		return events.WithdrawalRejected{OperationID: d.OperationID, AccountID: d.AccountID,
			AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: o.Reason}
	}
	return events.WithdrawalCompleted{OperationID: d.OperationID, AccountID: d.AccountID,
		AmountMinor: d.AmountMinor, Currency: d.Currency, BalanceMinor: o.BalanceMinor, AccountSeq: o.AccountSeq,
		Closing: o.Closing}
}

func invoicePosting(d events.InvoicePaid) ledger.Posting {
	return ledger.Posting{BusinessKey: ledger.PaymentKey(d.PaymentID), Kind: ledger.Invoice,
		AccountID: d.AccountID, AmountMinor: d.AmountMinor, Currency: d.Currency}
}

func invoiceSaid(d events.InvoicePaid, o ledger.Outcome) events.Data {
	if o.Status == ledger.Suspended {
		return events.SuspenseRecorded{CaseID: o.CaseID, AccountID: d.AccountID,
			AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: o.Reason}
	}
	return events.InvoiceCredited{InvoiceID: d.InvoiceID, PaymentID: d.PaymentID, AccountID: d.AccountID,
		AmountMinor: d.AmountMinor, Currency: d.Currency, BalanceMinor: o.BalanceMinor, AccountSeq: o.AccountSeq}
}
