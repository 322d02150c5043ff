package ledger

import (
	"math"

	"quittance.dev/events"
	"quittance.dev/events/money"
)

// Kind is what a posting is for.
type Kind string

// The kinds of postings.
const (
	Deposit    Kind = "deposit"     // the customer brings money
	Withdrawal Kind = "withdrawal"  // the customer takes money
	Invoice    Kind = "invoice"     // an invoice was paid to the customer
	Transfer   Kind = "transfer"    // from one customer's account to another
	BankDebit  Kind = "bank-debit"  // the bank takes from the customer
	BankCredit Kind = "bank-credit" // the bank gives to the customer
)

// known tells whether k is one of them.
func (k Kind) known() bool {
	switch k {
	case Deposit, Withdrawal, Invoice, Transfer, BankDebit, BankCredit:
		return true
	}
	return false
}

// debits tells whether a posting of the kind takes from AccountID; others give to
// it.
func (k Kind) debits() bool { return k == Withdrawal || k == Transfer || k == BankDebit }

// House is one of the bank's own accounts.
type House string

// The bank's own accounts, one per currency each.
const (
	Cash         House = "cash"          // over the counter
	CardClearing House = "card-clearing" // owed by the card processor
	Suspense     House = "suspense"      // money that its account could not take
	Treasury     House = "treasury"      // what the bank gives and takes by its own decision
)

// Posting asks to move money between a customer's account and one of the
// bank's, or another customer's.
type Posting struct {
	// BusinessKey names the posting for ever, such as "operation:<id>": the
	// same key posts once, however often and under whatever event it comes.
	BusinessKey   string
	Kind          Kind
	AccountID     string
	ToAccountID   string // of a Transfer, the account that is given to; else ""
	AmountMinor   int64  // positive; Kind gives the direction
	Currency      money.Currency
	CorrelationID string
}

// Status is what became of a posting.
type Status string

// The outcomes of a posting.
const (
	Posted    Status = "posted"
	Failed    Status = "failed"    // refused; nothing moved; Reason says why
	Suspended Status = "suspended" // the money is in suspense; Reason says why
)

// Outcome is what became of one posting.
type Outcome struct {
	Status       Status
	Reason       events.Reason // of Failed and Suspended
	BalanceMinor int64         // of the customer's account after it
	AccountSeq   int64         // position in the account, from 1
	To           Side          // of a Transfer, the account that was given to
	Closing      bool          // this posting emptied an account that closes itself
	CaseID       string        // of Suspended
}

// Side is what a posting left in an account, and its position there.
type Side struct{ BalanceMinor, AccountSeq int64 }

// account is a customer's account as loaded and locked.
type account struct {
	id       string
	product  events.Product
	currency money.Currency
	status   string
	balance  int64
	floor    int64
	seq      int64
	deposits int64
}

// decide applies p to the accounts, where an account that does not exist is not,
// and says what became of it. It changes them only when the posting goes through.
func decide(accounts map[string]*account, p Posting) Outcome {
	a, to := accounts[p.AccountID], accounts[p.ToAccountID]
	reason := refusal(a, p, p.Kind.debits())
	if reason == "" && p.Kind == Transfer {
		reason = refusal(to, p, false)
	}
	switch {
	case reason != "" && p.Kind == Invoice: // the money is here already and cannot be sent back by a refusal
		return Outcome{Status: Suspended, Reason: reason}
	case reason != "":
		return Outcome{Status: Failed, Reason: reason}
	}
	o := Outcome{Status: Posted}
	if p.Kind.debits() {
		a.post(-p.AmountMinor)
		if a.balance == 0 && a.product == events.SimpleSavings {
			a.status, o.Closing = "closing", true
		}
	} else {
		a.post(p.AmountMinor)
	}
	o.BalanceMinor, o.AccountSeq = a.balance, a.seq
	if p.Kind == Transfer {
		to.post(p.AmountMinor)
		o.To = Side{to.balance, to.seq}
	}
	return o
}

// post moves the account on by one posting.
func (a *account) post(change int64) {
	if change > 0 {
		a.deposits++
	}
	a.balance += change
	a.seq++
}

// refusal is why an account, nil when there is none, does not take its side of p.
func refusal(a *account, p Posting, debit bool) events.Reason {
	switch {
	case a == nil:
		return events.AccountNotFound
	case a.currency != p.Currency:
		return events.CurrencyMismatch
	case a.status == "closing":
		return events.AccountIsClosing
	case a.status == "closed":
		return events.AccountIsClosed
	case debit && a.available() < uint64(p.AmountMinor):
		return events.InsufficientFunds
	case !debit && a.product == events.SimpleSavings && a.deposits > 0:
		return events.OneDepositOnly
	case !debit && a.balance > math.MaxInt64-p.AmountMinor:
		return events.BalanceTooLarge
	}
	return ""
}

// available is how far the balance is over the floor, which may be more than an
// int64 holds.
func (a *account) available() uint64 { return uint64(a.balance) - uint64(a.floor) }

// counterpart is the bank's side of a posting.
func counterpart(k Kind) House {
	switch k {
	case Invoice:
		return CardClearing
	case BankDebit, BankCredit:
		return Treasury
	case Deposit, Withdrawal, Transfer: // a transfer has none
	}
	return Cash
}
