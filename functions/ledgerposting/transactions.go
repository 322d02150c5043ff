package ledgerposting

import (
	"quittance.dev/events"
	"quittance.dev/functions/ledger"
)

func transferPosting(d events.TransferRequested) ledger.Posting {
	return ledger.Posting{BusinessKey: ledger.TransactionKey(d.TransactionID), Kind: ledger.Transfer,
		AccountID: d.DebitedAccountID(), ToAccountID: d.CreditedAccountID(), AmountMinor: d.AmountMinor, Currency: d.Currency}
}

func transferSaid(d events.TransferRequested, o ledger.Outcome) events.Data {
	if o.Status == ledger.Failed {
		return events.TransferRejected{TransactionID: d.TransactionID, SrcAccountID: d.SrcAccountID, DstAccountID: d.DstAccountID,
			Direction: d.Direction, AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: o.Reason}
	}
	src, dst := ledger.Side{BalanceMinor: o.BalanceMinor, AccountSeq: o.AccountSeq}, o.To
	if d.Direction == events.Credit {
		src, dst = dst, src
	}
	return events.TransferCompleted{TransactionID: d.TransactionID, SrcAccountID: d.SrcAccountID, DstAccountID: d.DstAccountID,
		Direction: d.Direction, AmountMinor: d.AmountMinor, Currency: d.Currency,
		SrcBalanceMinor: src.BalanceMinor, SrcAccountSeq: src.AccountSeq,
		DstBalanceMinor: dst.BalanceMinor, DstAccountSeq: dst.AccountSeq, Closing: o.Closing}
}

func bankTransactionPosting(d events.BankTransactionRequested) ledger.Posting {
	kind := ledger.BankDebit
	if d.Direction == events.Credit {
		kind = ledger.BankCredit
	}
	return ledger.Posting{BusinessKey: ledger.TransactionKey(d.TransactionID), Kind: kind,
		AccountID: d.DstAccountID, AmountMinor: d.AmountMinor, Currency: d.Currency}
}

func bankTransactionSaid(d events.BankTransactionRequested, o ledger.Outcome) events.Data {
	if o.Status == ledger.Failed {
		return events.BankTransactionRejected{TransactionID: d.TransactionID, DstAccountID: d.DstAccountID,
			Direction: d.Direction, AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: o.Reason}
	}
	return events.BankTransactionCompleted{TransactionID: d.TransactionID, DstAccountID: d.DstAccountID,
		Direction: d.Direction, AmountMinor: d.AmountMinor, Currency: d.Currency,
		BalanceMinor: o.BalanceMinor, AccountSeq: o.AccountSeq, Closing: o.Closing}
}
