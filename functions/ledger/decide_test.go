package ledger

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
)

const most = math.MaxInt64

func TestDecide(t *testing.T) {
	t.Parallel()
	open := func(balance int64) *account {
		return &account{id: "a", product: events.Current, currency: "EUR", status: "open", balance: balance, seq: 7, deposits: 2}
	}
	with := func(a *account, change func(*account)) *account { change(a); return a }
	savings := func(balance, deposits int64) *account {
		return with(open(balance), func(a *account) { a.product, a.deposits = events.SimpleSavings, deposits })
	}
	status := func(s string) *account { return with(open(0), func(a *account) { a.status = s }) }
	floor := func(balance, floor int64) *account {
		return with(open(balance), func(a *account) { a.floor = floor })
	}
	refused := func(r events.Reason) Outcome { return Outcome{Status: Failed, Reason: r} }
	suspended := func(r events.Reason) Outcome { return Outcome{Status: Suspended, Reason: r} }
	posted := func(balance int64) Outcome { return Outcome{Status: Posted, BalanceMinor: balance, AccountSeq: 8} }
	closes := Outcome{Status: Posted, AccountSeq: 8, Closing: true}

	for _, c := range []struct {
		name    string
		account *account
		kind    Kind
		amount  int64
		want    Outcome
	}{
		{"a deposit adds", open(10), Deposit, 5, posted(15)},
		{"an invoice adds", open(10), Invoice, 5, posted(15)},
		{"a withdrawal takes", open(10), Withdrawal, 4, posted(6)},
		{"C02 a withdrawal takes everything", open(10), Withdrawal, 10, posted(0)},
		{"C02 a withdrawal takes no more", open(10), Withdrawal, 11, refused(events.InsufficientFunds)},
		{"C02 nothing is taken from nothing", open(0), Withdrawal, 1, refused(events.InsufficientFunds)},
		{"C02 the largest withdrawal", open(10), Withdrawal, most, refused(events.InsufficientFunds)},

		{"a floor above zero holds", floor(10, 4), Withdrawal, 6, posted(4)},
		{"a floor above zero holds by one", floor(10, 4), Withdrawal, 7, refused(events.InsufficientFunds)},
		{"a floor below zero holds", floor(10, -5), Withdrawal, 15, posted(-5)},
		{"a floor below zero holds by one", floor(10, -5), Withdrawal, 16, refused(events.InsufficientFunds)},
		{"what is available may be over the largest number", floor(most, -most), Withdrawal, most, posted(0)},
		{"the lowest floor", floor(-5, math.MinInt64), Withdrawal, most, refused(events.InsufficientFunds)},
		{"to the lowest floor", floor(-1, math.MinInt64), Withdrawal, most, posted(math.MinInt64)},

		{"the largest deposit", open(0), Deposit, most, posted(most)},
		{"a balance up to the largest", open(most - 5), Deposit, 5, posted(most)},
		{"a balance over the largest", open(most - 5), Deposit, 6, refused(events.BalanceTooLarge)},
		{"two of the largest", open(most), Deposit, most, refused(events.BalanceTooLarge)},
		{"an invoice over the largest", open(most), Invoice, 1, suspended(events.BalanceTooLarge)},
		{"up from the floor", floor(-5, -5), Deposit, most, posted(most - 5)},

		{"A01 the first deposit", savings(0, 0), Deposit, 5, posted(5)},
		{"A01 the second deposit", savings(5, 1), Deposit, 5, refused(events.OneDepositOnly)},
		{"A01 after a withdrawal too", savings(1, 1), Deposit, 5, refused(events.OneDepositOnly)},
		{"A01 an invoice is money in", savings(5, 1), Invoice, 5, suspended(events.OneDepositOnly)},
		{"A01 an invoice as the first", savings(0, 0), Invoice, 5, posted(5)},
		{"A01 out on request, in parts", savings(5, 1), Withdrawal, 2, posted(3)},

		{"A03 exactly nothing left closes", savings(5, 1), Withdrawal, 5, closes},
		{"A03 one minor unit left does not", savings(5, 1), Withdrawal, 4, posted(1)},
		{"A03 another product does not", open(5), Withdrawal, 5, posted(0)},
		{"A03 through zero, to a floor below, does not", with(savings(5, 1), func(a *account) { a.floor = -5 }), Withdrawal, 6, posted(-1)},
		{"A03 a deposit up to zero does not", with(savings(-5, 0), func(a *account) { a.floor = -5 }), Deposit, 5, posted(0)},

		{"closing takes no deposit", status("closing"), Deposit, 1, refused(events.AccountIsClosing)},
		{"closing gives nothing", status("closing"), Withdrawal, 1, refused(events.AccountIsClosing)},
		{"F32 money for a closing account", status("closing"), Invoice, 1, suspended(events.AccountIsClosing)},
		{"closed takes no deposit", status("closed"), Deposit, 1, refused(events.AccountIsClosed)},
		{"closed gives nothing", status("closed"), Withdrawal, 1, refused(events.AccountIsClosed)},
		{"F32 money for a closed account", status("closed"), Invoice, 1, suspended(events.AccountIsClosed)},

		{"no account to deposit to", nil, Deposit, 1, refused(events.AccountNotFound)},
		{"no account to take from", nil, Withdrawal, 1, refused(events.AccountNotFound)},
		{"F32 money for no account", nil, Invoice, 1, suspended(events.AccountNotFound)},

		{"C11 the bank gives", open(10), BankCredit, 5, posted(15)},
		{"C11 the bank takes", open(10), BankDebit, 4, posted(6)},
		{"C11 the bank takes no more than there is", open(10), BankDebit, 11, refused(events.InsufficientFunds)},
		{"C11 what the bank gives is money in", savings(5, 1), BankCredit, 5, refused(events.OneDepositOnly)},
		{"C11 the bank takes the last of a savings account, which closes", savings(5, 1), BankDebit, 5, closes},
		{"C11 the bank gives to no account", nil, BankCredit, 5, refused(events.AccountNotFound)},

		{"another currency in", with(open(10), func(a *account) { a.currency = "USD" }), Deposit, 1, refused(events.CurrencyMismatch)},
		{"another currency out", with(open(10), func(a *account) { a.currency = "USD" }), Withdrawal, 1, refused(events.CurrencyMismatch)},
		{"F32 an invoice in another currency", with(open(10), func(a *account) { a.currency = "USD" }), Invoice, 1, suspended(events.CurrencyMismatch)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var before account
			if c.account != nil {
				before = *c.account
			}
			got := decide(holding(c.account), Posting{Kind: c.kind, AccountID: "a", AmountMinor: c.amount, Currency: "EUR"})
			require.Equal(t, c.want, got)
			if c.account == nil {
				return
			}
			if got.Status != Posted {
				require.Equal(t, before, *c.account, "a refusal leaves the account as it was")
				return
			}
			want := before
			want.balance, want.seq = got.BalanceMinor, before.seq+1
			if c.kind != Withdrawal && c.kind != BankDebit {
				want.deposits++
			}
			if got.Closing {
				want.status = "closing"
			}
			require.Equal(t, want, *c.account)
		})
	}
}

// holding are the accounts of a ledger that has this one, or none.
func holding(accounts ...*account) map[string]*account {
	m := map[string]*account{}
	for _, a := range accounts {
		if a != nil {
			m[a.id] = a
		}
	}
	return m
}

func TestC01_C02_DecideTransfers(t *testing.T) {
	t.Parallel()
	current := func(id string, balance int64) *account {
		return &account{id: id, product: events.Current, currency: "EUR", status: "open", balance: balance, seq: 7, deposits: 2}
	}
	with := func(a *account, change func(*account)) *account { change(a); return a }
	savings := func(id string, balance, deposits int64) *account {
		return with(current(id, balance), func(a *account) { a.product, a.deposits = events.SimpleSavings, deposits })
	}
	in := func(a *account, status string) *account {
		return with(a, func(a *account) { a.status = status })
	}
	dollars := func(a *account) *account { return with(a, func(a *account) { a.currency = "USD" }) }
	refused := func(r events.Reason) Outcome { return Outcome{Status: Failed, Reason: r} }
	posted := func(from, to int64) Outcome {
		return Outcome{Status: Posted, BalanceMinor: from, AccountSeq: 8, To: Side{to, 8}}
	}
	for _, c := range []struct {
		name     string
		from, to *account
		amount   int64
		want     Outcome
	}{
		{"from one to the other", current("a", 10), current("b", 1), 4, posted(6, 5)},
		{"all there is", current("a", 10), current("b", 0), 10, posted(0, 10)},
		{"no more than there is", current("a", 10), current("b", 0), 11, refused(events.InsufficientFunds)},
		{"from a floor above zero", with(current("a", 10), func(a *account) { a.floor = 4 }), current("b", 0), 7, refused(events.InsufficientFunds)},
		{"more than fits", current("a", 10), current("b", most), 1, refused(events.BalanceTooLarge)},
		{"from no account", nil, current("b", 0), 1, refused(events.AccountNotFound)},
		{"to no account", current("a", 10), nil, 1, refused(events.AccountNotFound)},
		{"the debited account speaks first", current("a", 0), nil, 1, refused(events.InsufficientFunds)},
		{"from one that is closing", in(current("a", 0), "closing"), current("b", 0), 1, refused(events.AccountIsClosing)},
		{"to one that is closing", current("a", 10), in(current("b", 0), "closing"), 1, refused(events.AccountIsClosing)},
		{"from one that is closed", in(current("a", 0), "closed"), current("b", 0), 1, refused(events.AccountIsClosed)},
		{"to one that is closed", current("a", 10), in(current("b", 0), "closed"), 1, refused(events.AccountIsClosed)},
		{"from another currency", dollars(current("a", 10)), current("b", 0), 1, refused(events.CurrencyMismatch)},
		{"to another currency", current("a", 10), dollars(current("b", 0)), 1, refused(events.CurrencyMismatch)},
		{"A01 to a savings account, as its one deposit", current("a", 10), savings("b", 0, 0), 4, posted(6, 4)},
		{"A01 to a savings account that has had it", current("a", 10), savings("b", 5, 1), 4, refused(events.OneDepositOnly)},
		{"A02 the last of a savings account, which closes", savings("a", 10, 1), current("b", 0), 10,
			Outcome{Status: Posted, AccountSeq: 8, To: Side{10, 8}, Closing: true}},
		{"A03 all but one of it", savings("a", 10, 1), current("b", 0), 9, posted(1, 9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			accounts := holding(c.from, c.to)
			before := map[string]account{}
			for id, a := range accounts {
				before[id] = *a
			}
			got := decide(accounts, Posting{Kind: Transfer, AccountID: "a", ToAccountID: "b", AmountMinor: c.amount, Currency: "EUR"})
			require.Equal(t, c.want, got)
			if got.Status == Posted {
				from, to := before["a"], before["b"]
				from.balance, from.seq = from.balance-c.amount, from.seq+1
				to.balance, to.seq, to.deposits = to.balance+c.amount, to.seq+1, to.deposits+1
				if got.Closing {
					from.status = "closing"
				}
				before["a"], before["b"] = from, to
			}
			for id, a := range accounts {
				require.Equal(t, before[id], *a)
			}
		})
	}
}

// TestDecideSeesWhatTheBatchDidBefore: the second posting of a batch is judged
// by the account as the first one left it.
func TestDecideSeesWhatTheBatchDidBefore(t *testing.T) {
	t.Parallel()
	a := holding(&account{id: "a", product: events.SimpleSavings, currency: "EUR", status: "open"})
	p := func(k Kind, minor int64) Posting {
		return Posting{Kind: k, AccountID: "a", AmountMinor: minor, Currency: "EUR"}
	}
	require.Equal(t, Outcome{Status: Posted, BalanceMinor: 9, AccountSeq: 1}, decide(a, p(Deposit, 9)))
	require.Equal(t, events.OneDepositOnly, decide(a, p(Deposit, 9)).Reason)
	require.Equal(t, events.InsufficientFunds, decide(a, p(Withdrawal, 10)).Reason)
	require.Equal(t, Outcome{Status: Posted, AccountSeq: 2, Closing: true}, decide(a, p(Withdrawal, 9)))
	require.Equal(t, events.AccountIsClosing, decide(a, p(Deposit, 9)).Reason)
	require.Equal(t, Outcome{Status: Suspended, Reason: events.AccountIsClosing}, decide(a, p(Invoice, 9)))
}
