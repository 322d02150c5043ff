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
	Deposit    Kind = "deposit"    // the customer brings money
	Withdrawal Kind = "withdrawal" // the customer takes money
	Invoice    Kind = "invoice"    // an invoice was paid to the customer
)

// House is one of the bank's own accounts.
type House string

// The bank's own accounts, one per currency each.
const (
	Cash         House = "cash"          // over the counter
	CardClearing House = "card-clearing" // owed by the card processor
	Suspense     House = "suspense"      // money that its account could not take
)

// Posting asks to move money between a customer's account and one of the
// bank's.
type Posting struct {
	// BusinessKey names the posting for ever, such as "operation:<id>": the
	// same key posts once, however often and under whatever event it comes.
	BusinessKey   string
	Kind          Kind
	AccountID     string
	AmountMinor   int64 // positive; Kind gives the direction
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
	Closing      bool          // this posting emptied an account that closes itself
	CaseID       string        // of Suspended
}

// account is a customer's account as loaded and locked.
type account struct {
	id         string
	product    events.Product
	currency   money.Currency
	status     string
	balance    int64
	floor      int64
	seq        int64
	deposits   int64
	touched    bool
	nowClosing bool
}

// decide applies p to a, which is nil when there is no such account, and says
// what became of it. It changes a only when the posting goes through.
func decide(a *account, p Posting) Outcome {
	if reason := refusal(a, p); reason != "" {
		if p.Kind == Invoice { // the money is here already and cannot be sent back by a refusal
			return Outcome{Status: Suspended, Reason: reason}
		}
		return Outcome{Status: Failed, Reason: reason}
	}
	delta := p.AmountMinor
	if p.Kind == Withdrawal {
		delta = -delta
	} else {
		a.deposits++
	}
	a.balance += delta
	a.seq++
	a.touched = true
	if p.Kind == Withdrawal && a.balance == 0 && a.product == events.SimpleSavings {
		a.status, a.nowClosing = "closing", true
	}
	return Outcome{Status: Posted, BalanceMinor: a.balance, AccountSeq: a.seq, Closing: a.nowClosing}
}

func refusal(a *account, p Posting) events.Reason {
	switch {
	case a == nil:
		return events.AccountNotFound
	case a.currency != p.Currency:
		return events.CurrencyMismatch
	case a.status == "closing":
		return events.AccountIsClosing
	case a.status == "closed":
		return events.AccountIsClosed
	case p.Kind == Withdrawal && a.available() < uint64(p.AmountMinor):
		return events.InsufficientFunds
	case p.Kind != Withdrawal && a.product == events.SimpleSavings && a.deposits > 0:
		return events.OneDepositOnly
	case p.Kind != Withdrawal && a.balance > math.MaxInt64-p.AmountMinor:
		return events.BalanceTooLarge
	}
	return ""
}

// available is how far the balance is over the floor, which may be more than an
// int64 holds.
func (a *account) available() uint64 { return uint64(a.balance) - uint64(a.floor) }

// counterpart is the bank's side of a posting.
func counterpart(k Kind) House {
	if k == Invoice {
		return CardClearing
	}
	return Cash
}
