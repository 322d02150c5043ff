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
		Lanes:        2, // one decides while the database works for the other
		LaneBy:       lane,
		Handlers: fn.Together(post,
			fn.Hear[events.DepositRequested](), fn.Hear[events.WithdrawalRequested](), fn.Hear[events.InvoicePaid](),
			fn.Hear[events.TransferRequested](), fn.Hear[events.BankTransactionRequested]()),
	}
}

// lane keeps what touches an account from meeting itself in two transactions of
// this process. A transfer touches two accounts, which may be in two lanes, so
// transfers share one: among themselves they never meet, and where they meet a
// deposit, or another process, the database has one of the two run again.
func lane(d events.Data) string {
	p := asked(d)
	if p.Kind == ledger.Transfer {
		return string(ledger.Transfer)
	}
	return p.AccountID
}

// post turns every request of the group into a posting, posts them together, so
// that all their accounts are locked in one order, and says what became of each.
func post(ctx context.Context, tx fn.Tx, ins []fn.In[events.Data]) ([][]events.Data, error) {
	postings := make([]ledger.Posting, len(ins))
	for i, in := range ins {
		postings[i] = asked(in.Data)
		postings[i].CorrelationID = in.CorrelationID
	}
	outcomes, err := ledger.Post(ctx, tx, postings)
	if err != nil {
		return nil, err
	}
	said := make([][]events.Data, len(ins))
	for i, in := range ins {
		said[i] = []events.Data{became(in.Data, outcomes[i])}
	}
	return said, nil
}

// asked is the posting that a request is for. The ledger refuses that of a type
// which is not heard.
func asked(data events.Data) ledger.Posting {
	switch d := data.(type) {
	case events.DepositRequested:
		return depositPosting(d)
	case events.WithdrawalRequested:
		return withdrawalPosting(d)
	case events.InvoicePaid:
		return invoicePosting(d)
	case events.TransferRequested:
		return transferPosting(d)
	case events.BankTransactionRequested:
		return bankTransactionPosting(d)
	}
	return ledger.Posting{}
}

// became is what is said of a request's outcome.
func became(data events.Data, o ledger.Outcome) events.Data {
	switch d := data.(type) {
	case events.DepositRequested:
		return depositSaid(d, o)
	case events.WithdrawalRequested:
		return withdrawalSaid(d, o)
	case events.InvoicePaid:
		return invoiceSaid(d, o)
	case events.TransferRequested:
		return transferSaid(d, o)
	case events.BankTransactionRequested:
		return bankTransactionSaid(d, o)
	}
	return nil
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
