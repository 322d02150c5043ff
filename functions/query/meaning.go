package query

import (
	"time"

	"quittance.dev/events"
)

// OfOpening is the account that d says was opened at the time at.
func OfOpening(d events.AccountOpened, at time.Time) Account {
	return Account{
		ID: d.AccountID, CustomerID: d.CustomerID, Product: d.Product, Currency: d.Currency,
		Status: StatusOpen, OpenedAt: at,
	}
}

// OfDeposit is the transaction of a deposit said at the time at.
func OfDeposit(d events.DepositCompleted, at time.Time) Transaction {
	return Transaction{
		AccountID: d.AccountID, AccountSeq: d.AccountSeq, Kind: Deposit, Reference: d.OperationID,
		AmountMinor: d.AmountMinor, Currency: d.Currency, BalanceMinor: d.BalanceMinor, OccurredAt: at,
	}
}

// OfWithdrawal is the transaction of a withdrawal said at the time at; its
// amount is negative.
func OfWithdrawal(d events.WithdrawalCompleted, at time.Time) Transaction {
	return Transaction{
		AccountID: d.AccountID, AccountSeq: d.AccountSeq, Kind: Withdrawal, Reference: d.OperationID,
		AmountMinor: -d.AmountMinor, Currency: d.Currency, BalanceMinor: d.BalanceMinor, OccurredAt: at,
	}
}

// OfInvoice is the transaction of an invoice's money credited to the payee,
// said at the time at.
func OfInvoice(d events.InvoiceCredited, at time.Time) Transaction {
	return Transaction{
		AccountID: d.AccountID, AccountSeq: d.AccountSeq, Kind: Invoice, Reference: d.InvoiceID,
		AmountMinor: d.AmountMinor, Currency: d.Currency, BalanceMinor: d.BalanceMinor, OccurredAt: at,
	}
}

// OfTransfer are the two transactions of a transfer said at the time at: out of
// one account and into the other.
func OfTransfer(d events.TransferCompleted, at time.Time) []Transaction {
	side := func(account string, amount, balance, seq int64) Transaction {
		return Transaction{
			AccountID: account, AccountSeq: seq, Kind: Transfer, Reference: d.TransactionID,
			AmountMinor: amount, Currency: d.Currency, BalanceMinor: balance, OccurredAt: at,
		}
	}
	change := d.AmountMinor // of the source
	if d.Direction == events.Debit {
		change = -change
	}
	return []Transaction{
		side(d.SrcAccountID, change, d.SrcBalanceMinor, d.SrcAccountSeq),
		side(d.DstAccountID, -change, d.DstBalanceMinor, d.DstAccountSeq),
	}
}

// OfBankTransaction is the transaction of one between the bank and a customer,
// said at the time at; the amount of a debit is negative.
func OfBankTransaction(d events.BankTransactionCompleted, at time.Time) Transaction {
	change := d.AmountMinor
	if d.Direction == events.Debit {
		change = -change
	}
	return Transaction{
		AccountID: d.DstAccountID, AccountSeq: d.AccountSeq, Kind: BankTransaction, Reference: d.TransactionID,
		AmountMinor: change, Currency: d.Currency, BalanceMinor: d.BalanceMinor, OccurredAt: at,
	}
}
