package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"math/big"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

// reference is a ledger in memory, written without a look at the real one.
type reference struct {
	accounts map[string]*refAccount
	done     map[string]remembered
}

type refAccount struct {
	product       events.Product
	currency      money.Currency
	status        string
	balance       *big.Int
	moves, paidIn int64
}

type remembered struct {
	posting ledger.Posting
	outcome ledger.Outcome
}

var largest = new(big.Int).SetUint64(1<<63 - 1)

// post is what the product rules say of one posting.
func (r *reference) post(p ledger.Posting) ledger.Outcome {
	if before, ok := r.done[p.BusinessKey]; ok {
		return before.outcome
	}
	outcome := r.judge(p)
	r.done[p.BusinessKey] = remembered{p, outcome}
	return outcome
}

func (r *reference) judge(p ledger.Posting) ledger.Outcome {
	no := func(why events.Reason) ledger.Outcome {
		if p.Kind == ledger.Invoice {
			return ledger.Outcome{Status: ledger.Suspended, Reason: why, CaseID: fn.DeriveID("suspense", p.BusinessKey)}
		}
		return ledger.Outcome{Status: ledger.Failed, Reason: why}
	}
	takes := p.Kind == ledger.Withdrawal || p.Kind == ledger.BankDebit || p.Kind == ledger.Transfer
	if why := r.objection(p.AccountID, p, takes); why != "" {
		return no(why)
	}
	if p.Kind == ledger.Transfer {
		if why := r.objection(p.ToAccountID, p, false); why != "" {
			return no(why)
		}
	}
	a := r.accounts[p.AccountID]
	outcome := ledger.Outcome{Status: ledger.Posted}
	outcome.BalanceMinor, outcome.AccountSeq = a.move(p.AmountMinor, takes)
	if takes && a.product == events.SimpleSavings && a.balance.Sign() == 0 {
		a.status, outcome.Closing = "closing", true
	}
	if p.Kind == ledger.Transfer {
		outcome.To.BalanceMinor, outcome.To.AccountSeq = r.accounts[p.ToAccountID].move(p.AmountMinor, false)
	}
	return outcome
}

// objection is why an account does not take its side of a posting.
func (r *reference) objection(id string, p ledger.Posting, takes bool) events.Reason {
	a, ok := r.accounts[id]
	if !ok {
		return events.AccountNotFound
	}
	if a.currency != p.Currency {
		return events.CurrencyMismatch
	}
	if a.status != "open" {
		return map[string]events.Reason{"closing": events.AccountIsClosing, "closed": events.AccountIsClosed}[a.status]
	}
	if takes {
		if a.balance.Cmp(big.NewInt(p.AmountMinor)) < 0 {
			return events.InsufficientFunds
		}
		return ""
	}
	if a.product == events.SimpleSavings && a.paidIn == 1 {
		return events.OneDepositOnly
	}
	if new(big.Int).Add(a.balance, big.NewInt(p.AmountMinor)).Cmp(largest) > 0 {
		return events.BalanceTooLarge
	}
	return ""
}

// move takes from the account or gives to it, and returns what it then has.
func (a *refAccount) move(minor int64, takes bool) (balance, position int64) {
	if takes {
		a.balance = new(big.Int).Sub(a.balance, big.NewInt(minor))
	} else {
		a.balance = new(big.Int).Add(a.balance, big.NewInt(minor))
		a.paidIn++
	}
	a.moves++
	return a.balance.Int64(), a.moves
}

// machine drives the real ledger and the reference with the same steps.
type machine struct {
	*book
	ids     []string // the reference's accounts and one that is in no ledger
	ref     *reference
	keys    []string
	pending []ledger.Posting
	seen    map[string]int // outcomes, over all checks
}

func (m *machine) open(t *rapid.T) {
	m.ids, m.keys, m.pending = nil, nil, nil
	m.ref = &reference{accounts: map[string]*refAccount{}, done: map[string]remembered{}}
	for range rapid.IntRange(1, 4).Draw(t, "accounts") {
		product := rapid.SampledFrom([]events.Product{events.Current, events.SimpleSavings}).Draw(t, "product")
		currency := rapid.SampledFrom([]money.Currency{"EUR", "JPY"}).Draw(t, "currency")
		id := uuid.NewString()
		require.NoError(t, in(m.owner, pgx.ReadCommitted, func(tx fn.Tx) error {
			return ledger.Open(context.Background(), tx, id, product, currency)
		}))
		m.ids = append(m.ids, id)
		m.ref.accounts[id] = &refAccount{product: product, currency: currency, status: "open", balance: new(big.Int)}
	}
	m.ids = append(m.ids, uuid.NewString())
}

func (m *machine) draw(kind ledger.Kind) func(*rapid.T) {
	return func(t *rapid.T) {
		id := rapid.SampledFrom(m.ids[:len(m.ids)-1]).Draw(t, "account")
		if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
			id = m.ids[len(m.ids)-1]
		}
		amounts := []*rapid.Generator[int64]{rapid.Int64Range(1, 20), rapid.Int64Range(1<<63-21, 1<<63-1)}
		currency := money.Currency("EUR")
		if a, ok := m.ref.accounts[id]; ok {
			currency = a.currency
			if a.balance.Sign() > 0 { // exactly everything: the pending ones may have changed it
				amounts = append(amounts, rapid.Just(a.balance.Int64()), rapid.Just(a.balance.Int64()))
			}
		}
		if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
			currency = "USD"
		}
		p := ledger.Posting{
			BusinessKey: "machine:" + uuid.NewString(), Kind: kind, AccountID: id, Currency: currency,
			AmountMinor: rapid.OneOf(amounts...).Draw(t, "amount"), CorrelationID: id,
		}
		if kind == ledger.Transfer {
			p.ToAccountID = rapid.SampledFrom(m.ids).Filter(func(to string) bool { return to != id }).Draw(t, "to")
		}
		m.keys = append(m.keys, p.BusinessKey)
		m.add(t, p)
	}
}

// add puts p into the batch; a batch goes when it is as large as was drawn.
func (m *machine) add(t *rapid.T, p ledger.Posting) {
	m.pending = append(m.pending, p)
	if len(m.pending) >= rapid.SampledFrom([]int{1, 2, 4, 8, 16}).Draw(t, "batch") {
		m.flush(t)
	}
}

// again repeats a posting of this batch or of any before.
func (m *machine) again(t *rapid.T) {
	if len(m.keys) == 0 {
		t.Skip("nothing to repeat")
	}
	key := rapid.SampledFrom(m.keys).Draw(t, "key")
	for _, p := range m.pending {
		if p.BusinessKey == key {
			m.add(t, p)
			return
		}
	}
	m.add(t, m.ref.done[key].posting)
}

func (m *machine) flush(t *rapid.T) {
	outcomes := m.post(m.pending...)
	for i, p := range m.pending {
		want := m.ref.post(p)
		require.Equal(t, want, outcomes[i], "%s", p)
		m.seen[string(want.Status)+" "+string(p.Kind)+" "+string(want.Reason)]++
	}
	m.pending = nil
	m.compare(t)
}

// lost is a batch whose transaction did not commit: it has not happened.
func (m *machine) lost(t *rapid.T) {
	err := in(m.pool, pgx.Serializable, func(tx fn.Tx) error {
		_, err := ledger.Post(context.Background(), tx, m.pending)
		require.NoError(t, err)
		return fmt.Errorf("lost")
	})
	require.ErrorContains(t, err, "lost")
	m.compare(t)
}

// differs repeats the key of a posting that went through for something else.
func (m *machine) differs(t *rapid.T) {
	for _, key := range m.keys {
		if before, ok := m.ref.done[key]; ok && before.outcome.Status != ledger.Failed {
			p := before.posting
			p.AmountMinor = p.AmountMinor%1000 + 1 // another amount, or by chance the same
			p.Kind, p.ToAccountID = map[bool]ledger.Kind{true: ledger.Withdrawal, false: ledger.Deposit}[p.Kind == ledger.Deposit], ""
			_, err := m.try(p)
			require.ErrorIs(t, err, ledger.ErrDiffers)
			_, err = m.try(append(m.pending[:len(m.pending):len(m.pending)], p)...)
			require.Error(t, err, "nor with others")
			m.compare(t)
			return
		}
	}
	t.Skip("nothing was posted")
}

func (m *machine) freeze(t *rapid.T) {
	m.flush(t)
	id := rapid.SampledFrom(m.ids).Draw(t, "account")
	a := m.ref.accounts[id]
	require.NoError(t, in(m.owner, pgx.ReadCommitted, func(tx fn.Tx) error {
		_, frozen, err := ledger.Freeze(context.Background(), tx, id)
		if a == nil {
			require.ErrorIs(t, err, ledger.ErrAccountNotFound)
			return nil
		}
		require.Equal(t, a.status == "open" && a.balance.Sign() == 0, frozen)
		if frozen {
			a.status = "closing"
		}
		return err
	}))
}

func (m *machine) close(t *rapid.T) {
	m.flush(t)
	id := rapid.SampledFrom(m.ids).Draw(t, "account")
	require.NoError(t, in(m.owner, pgx.ReadCommitted, func(tx fn.Tx) error { return ledger.Close(context.Background(), tx, id) }))
	if a := m.ref.accounts[id]; a != nil && a.status == "closing" {
		a.status = "closed"
	}
}

// compare holds the accounts' rows against the reference.
func (m *machine) compare(t *rapid.T) {
	var want []string
	for _, id := range m.ids {
		if a, ok := m.ref.accounts[id]; ok {
			want = append(want, fmt.Sprintf("%s %s %s %d %d", id, a.status, a.balance, a.moves, a.paidIn))
		}
	}
	require.ElementsMatch(t, want, m.rows(`
		select concat_ws(' ', id, status, balance_minor, seq, deposits) from ledger.account where id = any($1::uuid[])`, m.ids))
}

// audit holds journals, entries and cases against everything that was ever
// asked, and the accounts' rows against the entries.
func (m *machine) audit(t *rapid.T) {
	var journals, cases []string
	for key, d := range m.ref.done {
		status, reason := string(d.outcome.Status), string(d.outcome.Reason)
		if d.outcome.Status == ledger.Suspended {
			cases = append(cases, fmt.Sprintf("%s %s %d %s %s", d.outcome.CaseID, d.posting.AccountID, d.posting.AmountMinor, d.posting.Currency, reason))
			status, reason = "posted", ""
		}
		journals = append(journals, fmt.Sprintf("%s %s %s %s", key, d.posting.Kind, status, reason))
	}
	require.ElementsMatch(t, journals, m.rows(`
		select business_key || ' ' || kind || ' ' || status || ' ' || coalesce(reason, '') from ledger.journal where correlation_id = any($1)`, m.ids))
	require.ElementsMatch(t, cases, m.rows(`
		select concat_ws(' ', id, account_id, amount_minor, currency, reason) from ledger.suspense_case where account_id = any($1::uuid[])`, m.ids))
	require.Empty(t, m.rows(`
		select a.id || ' has ' || a.balance_minor || ' and entries of ' || coalesce(-sum(amount_minor), 0)
		from ledger.account a left join ledger.entry e on e.account_id = a.id where a.id = any($1::uuid[])
		group by a.id having a.balance_minor <> coalesce(-sum(amount_minor), 0) or a.seq <> count(e) or a.seq <> coalesce(max(account_seq), 0)
		    or bool_or(e.journal_id is not null and account_seq is null)`, m.ids), "a balance is minus the sum of its entries, which are counted")
	require.Empty(t, m.rows(`
		select account_id || ' at ' || account_seq from (
			select account_id, account_seq, balance_after_minor, -sum(amount_minor) over (partition by account_id order by account_seq) running
			from ledger.entry where account_id = any($1::uuid[])) e
		where balance_after_minor <> running`, m.ids), "each entry tells the balance after it")
}

var checks = flag.Int("ledger.checks", 500, "how many runs of the state machine, of 50 steps each")

// TestB05_C02_TheLedgerIsTheReference runs random steps on several accounts,
// with repeated keys, in batches of random sizes, and with transactions that
// fail.
func TestB05_C02_TheLedgerIsTheReference(t *testing.T) {
	t.Parallel()
	runs := *checks
	if testing.Short() {
		runs = min(runs, 50)
	}
	m := &machine{book: newBook(t), seen: map[string]int{}}
	setRapid(t, "rapid.checks", fmt.Sprint(runs))
	setRapid(t, "rapid.steps", "50")
	setRapid(t, "rapid.nofailfile", "true") // the seed says it all
	rapid.Check(t, func(t *rapid.T) {
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"deposit": m.draw(ledger.Deposit), "withdraw": m.draw(ledger.Withdrawal), "withdraw more": m.draw(ledger.Withdrawal),
			"withdraw again": m.draw(ledger.Withdrawal), "invoice": m.draw(ledger.Invoice), "repeat": m.again, "repeat another": m.again,
			"deposit again": m.draw(ledger.Deposit), "invoice again": m.draw(ledger.Invoice),
			"transfer": m.draw(ledger.Transfer), "transfer again": m.draw(ledger.Transfer), "transfer more": m.draw(ledger.Transfer),
			"bank gives": m.draw(ledger.BankCredit), "bank takes": m.draw(ledger.BankDebit),
			"lost": m.lost, "differs": m.differs, "freeze": m.freeze, "close": m.close,
		})
		m.flush(t)
		m.audit(t)
	})
	for _, outcome := range []string{
		"posted deposit ", "posted withdrawal ", "posted invoice ", "posted transfer ", "posted bank-debit ", "posted bank-credit ",
		"failed transfer " + string(events.InsufficientFunds), "failed transfer " + string(events.OneDepositOnly),
		"failed transfer " + string(events.CurrencyMismatch), "failed transfer " + string(events.AccountNotFound),
		"failed transfer " + string(events.AccountIsClosing), "failed bank-debit " + string(events.InsufficientFunds),
		"failed withdrawal " + string(events.InsufficientFunds), "failed withdrawal " + string(events.AccountIsClosing),
		"failed deposit " + string(events.AccountIsClosed), "failed deposit " + string(events.OneDepositOnly),
		"failed deposit " + string(events.BalanceTooLarge), "failed deposit " + string(events.CurrencyMismatch), "failed deposit " + string(events.AccountNotFound),
		"suspended invoice " + string(events.AccountIsClosing), "suspended invoice " + string(events.AccountIsClosed),
		"suspended invoice " + string(events.OneDepositOnly), "suspended invoice " + string(events.BalanceTooLarge),
		"suspended invoice " + string(events.CurrencyMismatch), "suspended invoice " + string(events.AccountNotFound),
	} {
		require.NotZero(t, m.seen[outcome], "the machine never came to %q: %v", outcome, m.seen)
	}
	t.Log(m.seen)
}

// setRapid sets a flag of rapid's unless the command line did.
func setRapid(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		require.NoError(t, flag.Set(name, value))
	}
}
