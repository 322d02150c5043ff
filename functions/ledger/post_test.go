package ledger_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

func TestB04_APostingIsTwoEntriesWhoseSumIsZero(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	postings := []ledger.Posting{deposit(id, 1000), withdrawal(id, 300), invoice(id, 55)}
	require.Equal(t, []ledger.Outcome{
		{Status: ledger.Posted, BalanceMinor: 1000, AccountSeq: 1},
		{Status: ledger.Posted, BalanceMinor: 700, AccountSeq: 2},
		{Status: ledger.Posted, BalanceMinor: 755, AccountSeq: 3},
	}, b.post(postings...))
	require.Equal(t, ledger.Account{ID: id, Product: events.Current, Currency: "EUR", Status: "open", BalanceMinor: 755, Seq: 3}, b.find(id))

	// A debit is positive: the customer's money is what the bank owes.
	cash, clearing := ledger.HouseAccount(ledger.Cash, "EUR"), ledger.HouseAccount(ledger.CardClearing, "EUR")
	for i, legs := range [][]string{
		{"1|" + cash + "|EUR|1000", "2|" + id + "|EUR|-1000|1|1000"},
		{"1|" + id + "|EUR|300|2|700", "2|" + cash + "|EUR|-300"},
		{"1|" + clearing + "|EUR|55", "2|" + id + "|EUR|-55|3|755"},
	} {
		require.Equal(t, legs, b.rows(`
			select concat_ws('|', leg, account_id, e.currency, e.amount_minor, account_seq, balance_after_minor)
			from ledger.entry e join ledger.journal j on j.id = e.journal_id where business_key = $1 order by leg`, postings[i].BusinessKey))
	}
	require.Equal(t, []string{"posted journey true"}, b.rows(`
		select distinct status || ' ' || correlation_id || ' ' || (posted_at <= now()) from ledger.journal`))
}

func TestHouseAccountsAreThereForEveryCurrencyTheBankKnows(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var want []string
	for _, c := range currencies() {
		for _, house := range []ledger.House{ledger.Cash, ledger.CardClearing, ledger.Suspense, ledger.Treasury} {
			want = append(want, string(house)+" "+string(c)+" "+ledger.HouseAccount(house, c))
		}
	}
	require.Len(t, want, 4*16)
	require.ElementsMatch(t, want, b.rows(`select kind || ' ' || currency || ' ' || id from ledger.account where kind <> 'customer'`))
}

func currencies() (all []money.Currency) {
	for n := range 26 * 26 * 26 {
		if c := money.Currency([]byte{byte('A' + n/676), byte('A' + n/26%26), byte('A' + n%26)}); c.Known() {
			all = append(all, c)
		}
	}
	return all
}

func TestB05_TheSameBusinessKeyPostsOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id, savings := b.account(events.Current, "EUR"), b.account(events.SimpleSavings, "EUR")
	postings := []ledger.Posting{
		deposit(id, 10), withdrawal(id, 3), withdrawal(id, 100), // the last is refused
		deposit(savings, 5), withdrawal(savings, 5), // closes
		invoice(savings, 7), // to suspense
		deposit(uuid.NewString(), 1),
	}
	twice := slices.Concat(postings, postings)
	first := b.post(twice...)
	require.Equal(t, first[:len(postings)], first[len(postings):], "within a batch")
	require.True(t, first[4].Closing)
	require.Equal(t, ledger.Suspended, first[5].Status)
	require.NotEmpty(t, first[5].CaseID)
	after := b.everything()
	require.Len(t, b.rows(`select business_key from ledger.journal`), len(postings))

	require.Equal(t, first[:len(postings)], b.post(postings...), "across transactions, the outcome of that time")
	for i, p := range postings {
		p.CorrelationID = "another journey"
		require.Equal(t, first[i:i+1], b.post(p), "alone")
	}
	b.post(deposit(id, 1))
	require.Equal(t, first[:len(postings)], b.post(postings...), "and not as the balance is now")
	require.Subset(t, b.everything(), slices.DeleteFunc(after, func(line string) bool { return line[:7] == "account" }))
}

// TestB05_AKeyThatStandsBreaksItsBatch: the batch is not looked up, so it fails as
// a whole at its commit, and each posting is done alone.
func TestB05_AKeyThatStandsBreaksItsBatch(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	before := deposit(id, 10)
	want := b.post(before)
	after := b.everything()
	batch := []ledger.Posting{deposit(id, 1), before, deposit(id, 2)}
	_, err := b.try(batch...)
	require.Equal(t, "23505", code(err), "%v", err)
	require.ErrorContains(t, err, "journal_id")
	require.Equal(t, after, b.everything())
	outcomes := b.post(batch...)
	require.Equal(t, want[0], outcomes[1], "the outcome of that time")
	require.EqualValues(t, 13, b.find(id).BalanceMinor)
}

func TestABusinessKeyStandsForOnePosting(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id, other, savings := b.account(events.Current, "EUR"), b.account(events.Current, "EUR"), b.account(events.SimpleSavings, "EUR")
	b.post(deposit(other, 100), deposit(savings, 5), withdrawal(savings, 5))
	good, suspended, refused := deposit(id, 10), invoice(savings, 7), withdrawal(id, 999)
	outcomes := b.post(good, suspended, refused)
	require.Equal(t, []ledger.Status{ledger.Posted, ledger.Suspended, ledger.Failed}, []ledger.Status{outcomes[0].Status, outcomes[1].Status, outcomes[2].Status})
	before := b.everything()
	with := func(p ledger.Posting, change func(*ledger.Posting)) ledger.Posting { change(&p); return p }
	for name, p := range map[string]ledger.Posting{
		"another amount":               with(good, func(p *ledger.Posting) { p.AmountMinor = 11 }),
		"another account":              with(good, func(p *ledger.Posting) { p.AccountID = other }),
		"no account":                   with(good, func(p *ledger.Posting) { p.AccountID = uuid.NewString() }),
		"another currency":             with(good, func(p *ledger.Posting) { p.Currency = "USD" }),
		"another kind, other way":      with(good, func(p *ledger.Posting) { p.Kind = ledger.Withdrawal }),
		"another kind, same way":       with(good, func(p *ledger.Posting) { p.Kind = ledger.Invoice }),
		"a suspended one's amount":     with(suspended, func(p *ledger.Posting) { p.AmountMinor = 8 }),
		"a suspended one's account":    with(suspended, func(p *ledger.Posting) { p.AccountID = id }),
		"a refused one's kind":         with(refused, func(p *ledger.Posting) { p.Kind = ledger.Deposit }),
		"a negative amount":            deposit(id, -1),
		"nothing":                      deposit(id, 0),
		"the lowest amount":            withdrawal(id, math.MinInt64),
		"a kind that nobody has":       posting("gift", id, 1),
		"a negative invoice for later": invoice(savings, -7),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.try(deposit(other, 1), p)
			require.Error(t, err)
			require.Equal(t, before, b.everything(), "nothing of the batch is posted")
			_, err = b.try(p)
			require.Error(t, err)
			answer, _ := fn.Verdict(err)
			require.Equal(t, fn.Refused, answer, "a person must look: %v", err)
			require.Equal(t, before, b.everything(), "and nothing is posted")
		})
	}
	for name, change := range map[string]func(*ledger.Posting){
		"amount": func(p *ledger.Posting) { p.AmountMinor++ }, "account": func(p *ledger.Posting) { p.AccountID = other },
		"kind": func(p *ledger.Posting) { p.Kind = ledger.Invoice }, "currency": func(p *ledger.Posting) { p.Currency = "USD" },
	} {
		first := deposit(id, 20)
		_, err := b.try(first, with(first, change))
		require.ErrorIs(t, err, ledger.ErrDiffers, "another %s within a batch", name)
	}
	require.Equal(t, before, b.everything())
}

func TestC06_ARefusalIsAJournalThatFailed(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	savings := b.account(events.SimpleSavings, "EUR")
	b.post(deposit(savings, 1), deposit(id, math.MaxInt64))
	for _, c := range []struct {
		posting ledger.Posting
		reason  events.Reason
	}{
		{withdrawal(savings, 2), events.InsufficientFunds},
		{deposit(savings, 2), events.OneDepositOnly},
		{deposit(id, 1), events.BalanceTooLarge},
		{deposit(uuid.NewString(), 1), events.AccountNotFound},
		{withdrawal(ledger.HouseAccount(ledger.Cash, "EUR"), 1), events.AccountNotFound}, // the bank's own are nobody's
		{ledger.Posting{BusinessKey: "usd", Kind: ledger.Deposit, AccountID: id, AmountMinor: 1, Currency: "USD"}, events.CurrencyMismatch},
	} {
		require.Equal(t, []ledger.Outcome{{Status: ledger.Failed, Reason: c.reason}}, b.post(c.posting))
		require.Equal(t, []string{string(c.posting.Kind) + "|failed|" + string(c.reason) + "|0"}, b.rows(`
			select concat_ws('|', kind, status, reason, (select count(*) from ledger.entry e where e.journal_id = j.id))
			from ledger.journal j where business_key = $1`, c.posting.BusinessKey))
	}
	require.EqualValues(t, 1, b.find(savings).BalanceMinor)
	require.EqualValues(t, math.MaxInt64, b.find(id).BalanceMinor)
	require.Equal(t, []ledger.Outcome{{Status: ledger.Posted, AccountSeq: 2}}, b.post(withdrawal(id, math.MaxInt64)), "and all of it comes out again")
}

func TestF32_WhatItsAccountCannotTakeWaitsInSuspense(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	savings, full := b.account(events.SimpleSavings, "EUR"), b.account(events.Current, "EUR")
	b.post(deposit(savings, 1), deposit(full, math.MaxInt64))
	dollars := invoice(full, 9)
	dollars.Currency = "USD"
	for _, c := range []struct {
		posting ledger.Posting
		reason  events.Reason
	}{
		{invoice(savings, 7), events.OneDepositOnly},
		{invoice(full, 8), events.BalanceTooLarge},
		{dollars, events.CurrencyMismatch},
		{invoice(uuid.NewString(), 10), events.AccountNotFound},
		{invoice(uuid.NewString(), math.MaxInt64), events.AccountNotFound},
	} {
		p := c.posting
		outcome := b.post(p)[0]
		require.Equal(t, ledger.Suspended, outcome.Status)
		require.Equal(t, c.reason, outcome.Reason)
		require.Equal(t, []string{p.AccountID + " " + string(p.Currency) + " " + string(c.reason) + " open true true"}, b.rows(`
			select account_id || ' ' || currency || ' ' || reason || ' ' || status || ' ' || (amount_minor = $2) || ' ' ||
			       (journal_id = (select id from ledger.journal where business_key = $3 and status = 'posted'))
			from ledger.suspense_case where id = $1`, outcome.CaseID, p.AmountMinor, p.BusinessKey))
		require.Equal(t, []string{
			"1 " + ledger.HouseAccount(ledger.CardClearing, p.Currency) + " +", "2 " + ledger.HouseAccount(ledger.Suspense, p.Currency) + " -",
		}, b.rows(`
			select leg || ' ' || account_id || ' ' || case e.amount_minor when $2 then '+' when -$2 then '-' end
			from ledger.entry e join ledger.journal j on j.id = e.journal_id where business_key = $1 order by leg`, p.BusinessKey, p.AmountMinor))
	}
	require.EqualValues(t, 1, b.find(savings).BalanceMinor)
	require.EqualValues(t, math.MaxInt64, b.find(full).BalanceMinor)
}

func TestA03_OnlyAWithdrawalToExactlyNothingFreezesASimpleSavingsAccount(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	savings, current := b.account(events.SimpleSavings, "EUR"), b.account(events.Current, "EUR")
	for _, id := range []string{savings, current} {
		b.post(deposit(id, 10), withdrawal(id, 9))
		require.Equal(t, "open", b.find(id).Status)
	}
	require.True(t, b.post(withdrawal(savings, 1))[0].Closing)
	require.Equal(t, "closing", b.find(savings).Status)
	require.False(t, b.post(withdrawal(current, 1))[0].Closing)
	require.Equal(t, "open", b.find(current).Status)
	require.Equal(t, []string{"true"}, b.rows(`select (closing_at = posted_at)::text from ledger.account, ledger.journal j
		where ledger.account.id = $1 and j.id = (select journal_id from ledger.entry where account_id = $1 and account_seq = 3)`, savings), "in the withdrawal's own transaction")

	whole := b.account(events.SimpleSavings, "EUR") // in one batch
	outcomes := b.post(deposit(whole, 10), withdrawal(whole, 10), withdrawal(whole, 1), deposit(whole, 1), invoice(whole, 1))
	require.Equal(t, []ledger.Outcome{
		{Status: ledger.Posted, BalanceMinor: 10, AccountSeq: 1}, {Status: ledger.Posted, AccountSeq: 2, Closing: true},
		{Status: ledger.Failed, Reason: events.AccountIsClosing}, {Status: ledger.Failed, Reason: events.AccountIsClosing},
		{Status: ledger.Suspended, Reason: events.AccountIsClosing, CaseID: outcomes[4].CaseID},
	}, outcomes)
	require.Equal(t, ledger.Account{ID: whole, Product: events.SimpleSavings, Currency: "EUR", Status: "closing", Seq: 2}, b.find(whole))
}

func TestAnEmptyBatchIsNothing(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	require.Empty(t, b.post())
	require.Empty(t, b.everything())
}

// TestWhatTheDatabaseRefusesIsAnErrorAndNotARefusal breaks the account under
// the code's feet: the constraint holds, and nobody takes it for a business no.
func TestWhatTheDatabaseRefusesIsAnErrorAndNotARefusal(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	b.post(deposit(id, 10))
	_, err := b.owner.Exec(context.Background(), `alter table ledger.account add constraint at_least_five check (kind <> 'customer' or balance_minor >= 5)`)
	require.NoError(t, err)
	before := b.everything()
	outcomes, err := b.try(withdrawal(id, 6))
	require.ErrorContains(t, err, "at_least_five")
	answer, _ := fn.Verdict(err)
	require.Equal(t, fn.Unknown, answer)
	require.Equal(t, before, b.everything(), "%v", outcomes)
}

func TestADatabaseThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	require.Error(t, in(b.pool, pgx.Serializable, func(tx fn.Tx) error {
		require.NoError(t, tx.Conn().Close(context.Background()))
		_, err := ledger.Post(context.Background(), tx, []ledger.Posting{deposit(id, 1)})
		require.ErrorContains(t, err, "load accounts")
		_, _, err = ledger.Freeze(context.Background(), tx, id)
		require.Error(t, err)
		require.ErrorContains(t, ledger.Close(context.Background(), tx, id), "close account")
		require.ErrorContains(t, ledger.Open(context.Background(), tx, id, events.Current, "EUR"), "open account")
		_, err = ledger.Find(context.Background(), tx, id)
		require.NotErrorIs(t, err, ledger.ErrAccountNotFound, "gone is not absent")
		return err
	}))
	require.Zero(t, b.find(id).Seq)
}

func TestKeysAndNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "operation:x", ledger.OperationKey("x"))
	require.Equal(t, "payment:x", ledger.PaymentKey("x"))
	require.Equal(t, "deposit 5 EUR on a", deposit("a", 5).String())
}
