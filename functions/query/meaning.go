package query

import (
	"time"

	"quittance.dev/events"
	"quittance.dev/events/money"
)

// OfOpening is the account that d says was opened at the time at.
func OfOpening(d events.AccountOpened, at time.Time) Account {
	return Account{
		ID: d.AccountID, CustomerID: d.CustomerID, Product: d.Product, Currency: d.Currency,
		Status: StatusOpen, OpenedAt: at,
	}
}

// Of is the movement that an event says happened, or was refused, at the time at;
// ok is false for an event that is not about money.
func Of(data events.Data, at time.Time) (m Movement, ok bool) {
	switch d := data.(type) {
	case events.DepositCompleted:
		return through(own(d.OperationID, Deposit, events.Credit, d.AccountID, d.AmountMinor, d.Currency, at),
			d.OperationID, d.AccountSeq, d.BalanceMinor), true
	case events.DepositRejected:
		return refused(own(d.OperationID, Deposit, events.Credit, d.AccountID, d.AmountMinor, d.Currency, at), d.Reason), true
	case events.WithdrawalCompleted:
		return through(own(d.OperationID, Withdrawal, events.Debit, d.AccountID, d.AmountMinor, d.Currency, at),
			d.OperationID, d.AccountSeq, d.BalanceMinor), true
	case events.WithdrawalRejected:
		return refused(own(d.OperationID, Withdrawal, events.Debit, d.AccountID, d.AmountMinor, d.Currency, at), d.Reason), true
	case events.InvoiceCredited:
		return through(own(d.PaymentID, Invoice, events.Credit, d.AccountID, d.AmountMinor, d.Currency, at),
			d.InvoiceID, d.AccountSeq, d.BalanceMinor), true
	case events.TransferCompleted:
		return transferred(d, between(d.TransactionID, d.Direction, d.SrcAccountID, d.DstAccountID, d.AmountMinor, d.Currency, at)), true
	case events.TransferRejected:
		return refused(between(d.TransactionID, d.Direction, d.SrcAccountID, d.DstAccountID, d.AmountMinor, d.Currency, at), d.Reason), true
	case events.BankTransactionCompleted:
		return through(own(d.TransactionID, BankTransaction, d.Direction, d.DstAccountID, d.AmountMinor, d.Currency, at),
			d.TransactionID, d.AccountSeq, d.BalanceMinor), true
	case events.BankTransactionRejected:
		return refused(own(d.TransactionID, BankTransaction, d.Direction, d.DstAccountID, d.AmountMinor, d.Currency, at), d.Reason), true
	}
	return Movement{}, false
}

// own is the line of a transaction between a customer's account and the bank.
func own(id string, k Kind, dir events.Direction, account string, amount int64, c money.Currency, at time.Time) Line {
	return Line{ID: id, Kind: k, Destination: account, Direction: dir, AmountMinor: amount, Currency: c, OccurredAt: at}
}

// between is the line of a transfer.
func between(id string, dir events.Direction, src, dst string, amount int64, c money.Currency, at time.Time) Line {
	return Line{ID: id, Kind: Transfer, Source: src, Destination: dst, Direction: dir, AmountMinor: amount, Currency: c, OccurredAt: at}
}

// transferred is a transfer that went through: out of one account and into the
// other.
func transferred(d events.TransferCompleted, l Line) Movement {
	l.Status = Success
	side := func(account string, amount, balance, seq int64) Transaction {
		return Transaction{
			AccountID: account, AccountSeq: seq, Kind: Transfer, Reference: l.ID,
			AmountMinor: amount, Currency: l.Currency, BalanceMinor: balance, OccurredAt: l.OccurredAt,
		}
	}
	change := l.AmountMinor // of the source
	if l.Direction == events.Debit {
		change = -change
	}
	return Movement{l, []Transaction{
		side(l.Source, change, d.SrcBalanceMinor, d.SrcAccountSeq),
		side(l.Destination, -change, d.DstBalanceMinor, d.DstAccountSeq),
	}}
}

// through is a movement that went through: its account, at a position, has the
// balance from then on.
func through(l Line, reference string, seq, balance int64) Movement {
	l.Status = Success
	amount := l.AmountMinor
	if l.Direction == events.Debit {
		amount = -amount
	}
	return Movement{l, []Transaction{{
		AccountID: l.Destination, AccountSeq: seq, Kind: l.Kind, Reference: reference,
		AmountMinor: amount, Currency: l.Currency, BalanceMinor: balance, OccurredAt: l.OccurredAt,
	}}}
}

func refused(l Line, why events.Reason) Movement {
	l.Status, l.Reason = Fail, why
	return Movement{Line: l}
}
