package api

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/identity"
)

// A key that has been forgotten moves nothing twice, and never passes for another
// request, even when what was said of it has been put away.
func TestAForgottenKeyMovesNothingTwice(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(10_00), b.account("EUR")
	forget := func() { b.exec(`delete from idempotency.request`) }
	first := b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "k")
	for range 2 {
		forget()
		again := b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "k")
		require.Equal(t, 200, again.status, again.body)
		require.Equal(t, first.body, again.body)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	}
	require.Equal(t, 1, b.said("transfer.requested"))
	forget()
	before := b.rows()
	refused(t, b.post(transfers, transfer(src, dst, "2", events.Debit), "Idempotency-Key", "k"), keyReused)
	refused(t, b.post(transfers, transfer(dst, src, "1", events.Credit), "Idempotency-Key", "k"), keyReused)
	require.Equal(t, before, b.rows())

	b.exec(`delete from delivery.outbox where type like '%transfer.%'`)
	for range 2 {
		refused(t, b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "k"), keyExpired)
	}
	require.Zero(t, b.said("transfer.requested"), "nothing is said again")
	require.EqualValues(t, 9_00, b.balance(src))

	treasury := b.treasury()
	first = treasury.post(bankTransactions, bankTransaction(dst, "1", events.Credit, "Gift"), "Idempotency-Key", "k")
	forget()
	require.Equal(t, first.body, treasury.post(bankTransactions, bankTransaction(dst, "1", events.Credit, "Gift"), "Idempotency-Key", "k").body)
	forget()
	refused(t, treasury.post(bankTransactions, bankTransaction(dst, "1", events.Credit, "Another"), "Idempotency-Key", "k"), keyReused)
	require.EqualValues(t, 2_00, b.balance(dst))
}

// A request that was asked and has no answer is never told to be refused, whatever has
// become of the rules since: who believes that asks again, under another key.
func TestAnUnansweredTransferIsNotRefused(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(10_00), b.account("EUR")
	b.ledger.between = func(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, errors.New("away") }
	refused(t, b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "k"), outcomeUnknown)
	b.exec(`update accounts.account set customer_id = $2 where id = $1`, src, b.as("eve", identity.Customer).customer()) // may not be prepared any more
	refused(t, b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "k"), outcomeUnknown)
	refused(t, b.post(transfers, transfer(src, dst, "1", events.Debit), "Idempotency-Key", "l"), notFound)
}
