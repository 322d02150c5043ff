package closuremambu_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func TestA17_AnEmptiedAndFrozenAccountStartsItsClosure(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	for _, start := range []func(string) events.Data{
		func(id string) events.Data { return emptied(id) },
		func(id string) events.Data { return events.AccountCloseRequested{AccountID: id} },
		func(id string) events.Data {
			return events.TransferCompleted{
				TransactionID: uuid.NewString(), SrcAccountID: uuid.NewString(), DstAccountID: id, Direction: events.Credit, AmountMinor: 5, Currency: "EUR",
				SrcBalanceMinor: 5, SrcAccountSeq: 1, DstAccountSeq: 2, Closing: true,
			}
		},
		func(id string) events.Data {
			return events.BankTransactionCompleted{
				TransactionID: uuid.NewString(), DstAccountID: id, Direction: events.Debit, AmountMinor: 5, Currency: "EUR", AccountSeq: 2, Closing: true,
			}
		},
	} {
		accountID := b.account("closing", 0)
		b.deliver(http.StatusOK, fntest.Event(start(accountID)))

		row := closuretest.One(b, b.owner, accountID)
		require.Equal(b, closure.ID(accountID), row.ClosureID)
		require.Equal(b, closure.ClosingMambu, row.State)
		require.Contains(b, row.Notes, row.ClosureID)
		require.Equal(b, []closure.State{closure.Open, closure.ClosingMambu}, closuretest.History(b, b.owner, accountID))
		said := closuretest.Said(b, b.owner, events.TypeClosureStarted)
		require.Equal(b, events.ClosureStarted{ClosureID: row.ClosureID, AccountID: accountID},
			closuretest.Payload[events.ClosureStarted](b, said[len(said)-1]))
	}
	require.Equal(b, map[string]float64{"account_closure_started_total": 4}, b.scrape(), "A25")
	require.Empty(b, b.out.Mambu.Book().Attempts, "nobody outside is asked in the transaction that starts")
}

func TestA03_AllButOneMinorUnitSaysNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID := b.account("open", 1)
	b.deliver(http.StatusOK, fntest.Event(events.WithdrawalCompleted{
		OperationID: uuid.NewString(), AccountID: accountID, AmountMinor: 999, Currency: "EUR", BalanceMinor: 1, AccountSeq: 2,
	}))
	require.Empty(b, closuretest.Read(b, b.owner, accountID))
	require.Empty(b, closuretest.Said(b, b.owner))
}

func TestA03_AnAccountThatStaysOpenAtZeroSaysNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID := b.account("open", 0)
	event := emptied(accountID)
	event.Closing = false
	b.deliver(http.StatusOK, fntest.Event(event))
	b.deliver(http.StatusOK, fntest.Event(events.TransferCompleted{
		TransactionID: uuid.NewString(), SrcAccountID: accountID, DstAccountID: uuid.NewString(), Direction: events.Debit, AmountMinor: 5, Currency: "EUR",
		SrcAccountSeq: 2, DstBalanceMinor: 5, DstAccountSeq: 1,
	}))
	b.deliver(http.StatusOK, fntest.Event(events.BankTransactionCompleted{
		TransactionID: uuid.NewString(), DstAccountID: accountID, Direction: events.Debit, AmountMinor: 5, Currency: "EUR", AccountSeq: 3,
	}))
	require.Empty(b, closuretest.Read(b, b.owner, accountID))
	require.Empty(b, closuretest.Said(b, b.owner))
}

func TestA17_TheEventIsNotBelievedWhenTheLedgerDisagrees(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	for _, c := range []struct {
		name      string
		accountID string
		reason    events.Reason
	}{
		{"5 left", b.account("open", 5), events.BalanceNotZero},
		{"not frozen", b.account("open", 0), events.AccountIsOpen},
		{"not there", uuid.NewString(), events.AccountNotFound},
	} {
		event := fntest.Event(emptied(c.accountID))
		b.deliver(http.StatusOK, event)
		require.Empty(b, closuretest.Read(b, b.owner, c.accountID), c.name)
		said := closuretest.Said(b, b.owner)
		require.Equal(b, events.ClosureRefused{
			ClosureID: closure.ID(c.accountID), AccountID: c.accountID, System: "ledger", Reason: c.reason,
		}, closuretest.Payload[events.ClosureRefused](b, said[len(said)-1]), c.name)
		var logged bool
		for _, line := range b.log.Lines(b) {
			if line["msg"] == "no closure" && line["account_id"] == c.accountID {
				logged = true
				require.Equal(b, string(c.reason), line["error"])
				require.Equal(b, closure.ID(c.accountID), line["closure_id"])
				require.Equal(b, "start", line["step"])
				require.Equal(b, event.ID, line["event_id"])
			}
		}
		require.True(b, logged, c.name)
	}
	require.Empty(b, b.out.Mambu.Book().Attempts)
	require.Equal(b, map[string]float64{"account_closure_failed_total{start}": 3}, b.scrape())
}

func TestA22_TwentyCopiesAndASecondCauseMakeOneClosure(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID := b.account("closing", 0)
	require.Equal(b, map[int]int{http.StatusOK: 20}, b.atOnce(fntest.Event(emptied(accountID))))
	before := closuretest.One(b, b.owner, accountID)

	require.Equal(b, map[int]int{http.StatusOK: 20}, b.atOnce(fntest.Event(events.AccountCloseRequested{AccountID: accountID})))
	b.deliver(http.StatusOK, fntest.Event(emptied(accountID))) // the same under another event id
	require.Equal(b, before, closuretest.One(b, b.owner, accountID), "the row is as the first left it, its notes too")
	require.Len(b, closuretest.Said(b, b.owner), 1)
	require.Equal(b, map[string]float64{"account_closure_started_total": 1}, b.scrape())
}

func TestAnAccountClosedLongAgoIsLeftInPeace(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID := b.account("closed", 0)
	b.deliver(http.StatusOK, fntest.Event(events.AccountCloseRequested{AccountID: accountID}))
	require.Empty(b, closuretest.Read(b, b.owner, accountID))
	require.Empty(b, closuretest.Said(b, b.owner))
}

// A transaction that does not commit starts nothing and counts nothing.
func TestNothingIsLeftOfAStartThatDoesNotCommit(t *testing.T) {
	t.Parallel()
	fail := make(chan struct{}, 1)
	fail <- struct{}{}
	b := newBench(t, fn.Options{Failpoint: func(point string) error {
		if point == "closure-mambu.before-commit" {
			select {
			case <-fail:
				return http.ErrAbortHandler
			default:
			}
		}
		return nil
	}})
	accountID := b.account("closing", 0)
	event := fntest.Event(emptied(accountID))
	b.deliver(http.StatusServiceUnavailable, event)
	require.Empty(b, closuretest.Read(b, b.owner, accountID))
	require.Empty(b, closuretest.Said(b, b.owner))
	require.Empty(b, b.scrape())

	b.deliver(http.StatusOK, event)
	require.Equal(b, closure.ClosingMambu, closuretest.One(b, b.owner, accountID).State)
	require.Equal(b, map[string]float64{"account_closure_started_total": 1}, b.scrape())
}
