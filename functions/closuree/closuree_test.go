package closuree_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/outside/outsidetest"
)

var toTheEnd = []closure.State{
	closure.Open, closure.ClosingMambu, closure.MambuClosed, closure.ClosingE, closure.EClosed, closure.Closed,
}

func TestA05_A20_EClosesOnceAndTheAccountIsClosedEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, event := b.closedInMambu()
	b.deliver(http.StatusOK, event)

	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.Closed, row.State)
	require.Equal(b, row.EClosedAt, row.ClosedAt, "one transaction, one instant")
	require.Nil(b, row.EmailSentAt)
	require.Equal(b, toTheEnd, closuretest.History(b, b.owner, accountID), "A14")
	require.Equal(b, "closed", b.ledgerStatus(accountID))
	closes := b.out.E.Book().Closes
	require.Len(b, closes, 1)
	require.Equal(b, row.ClosureID, closes[0].ClosureID)
	require.NotEqual(b, row.ClosureID, closes[0].Key)
	said := closuretest.Said(b, b.owner)
	require.Len(b, said, 1)
	require.Equal(b, events.AccountClosed{AccountID: accountID, ClosureID: row.ClosureID},
		closuretest.Payload[events.AccountClosed](b, said[0]))
	require.Equal(b, map[string]float64{"account_closure_completed_total": 1}, b.scrape(), "A25")

	b.deliver(http.StatusOK, event)
	event.ID = uuid.NewString()
	b.deliver(http.StatusOK, event)
	require.Equal(b, 1, b.attempts(), "E is not asked again")
	require.Len(b, closuretest.Said(b, b.owner), 1)
	require.Equal(b, map[string]float64{"account_closure_completed_total": 1}, b.scrape())
}

func TestA19_ThreeTimes503ThenYesMovesOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(b, b.out.E.Moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Status: 503, Op: "close", Times: 3}))
	accountID, event := b.closedInMambu()
	b.deliver(http.StatusServiceUnavailable, event)
	require.Equal(b, closure.ClosingE, closuretest.One(b, b.owner, accountID).State)
	b.deliver(http.StatusServiceUnavailable, event)
	require.Contains(b, *closuretest.One(b, b.owner, accountID).LastError, "503")
	b.deliver(http.StatusOK, event) // put off: no error, the broker lets go
	var deferred int
	require.NoError(b, b.owner.QueryRow(context.Background(), `
		select count(*) from delivery.redelivery where consumer = 'closure-e' and id = $1 and why = 'deferred'`, event.ID).Scan(&deferred))
	require.Equal(b, 1, deferred)
	require.Equal(b, "closing", b.ledgerStatus(accountID))
	b.deliver(http.StatusOK, event) // the relay's

	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.Closed, row.State)
	require.Nil(b, row.LastError)
	require.Equal(b, toTheEnd, closuretest.History(b, b.owner, accountID))
	attempts := closuretest.Attempts(b.out.E.Book().Attempts, "close")
	require.Len(b, attempts, 4)
	for _, a := range attempts {
		require.Equal(b, attempts[0].Key, a.Key)
		require.Equal(b, attempts[0].SHA256, a.SHA256)
	}
	require.Len(b, b.out.E.Book().Closes, 1)
	require.Len(b, closuretest.Said(b, b.owner, events.TypeAccountClosed), 1)
}

func TestA10_AnAnswerThatIsLostIsNotASecondClose(t *testing.T) {
	t.Parallel()
	for name, mood := range map[string]outsidetest.Mood{
		"timeout after success":  {Kind: outsidetest.TimeoutAfter},
		"timeout before success": {Kind: outsidetest.TimeoutBefore},
		"cut after success":      {Kind: outsidetest.CutAfter},
		"garbage":                {Kind: outsidetest.Garbage},
		"500 after success":      {Kind: outsidetest.StatusAfter},
		"in progress":            {Kind: outsidetest.InProgress},
		"locked":                 {Kind: outsidetest.Locked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			mood.Op = "close"
			require.NoError(b, b.out.E.Moods.Script(mood))
			accountID, event := b.closedInMambu()
			if status, _ := b.door.Post(b, event); status != http.StatusOK {
				require.Equal(b, http.StatusServiceUnavailable, status)
				b.deliver(http.StatusOK, event)
			}
			require.Equal(b, closure.Closed, closuretest.One(b, b.owner, accountID).State)
			require.Equal(b, toTheEnd, closuretest.History(b, b.owner, accountID))
			require.Len(b, b.out.E.Book().Closes, 1)
			require.Len(b, closuretest.Said(b, b.owner, events.TypeAccountClosed), 1)
		})
	}
}

func TestTwentyCopiesAtOnceCloseOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, event := b.closedInMambu()
	statuses := b.atOnce(event)
	require.GreaterOrEqual(b, statuses[http.StatusOK], 1)
	require.Equal(b, 20, statuses[http.StatusOK]+statuses[http.StatusConflict], "%v", statuses)
	require.Equal(b, closure.Closed, closuretest.One(b, b.owner, accountID).State)
	require.Equal(b, 1, b.attempts())
	require.Len(b, closuretest.Said(b, b.owner, events.TypeAccountClosed), 1)
}

func TestA20_ARefusalOfEParksAndNothingIsSaidToBeClosed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(b, b.out.E.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Op: "close", Code: "contract_running"}))
	accountID, event := b.closedInMambu()
	b.deliver(http.StatusOK, event)
	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.Parked, row.State)
	require.Contains(b, *row.LastError, "contract_running")
	require.NotNil(b, row.MambuClosedAt, "what Mambu confirmed stays confirmed")
	require.Equal(b, "closing", b.ledgerStatus(accountID))
	said := closuretest.Said(b, b.owner)
	require.Len(b, said, 1)
	require.Equal(b, events.ClosureRefused{ClosureID: row.ClosureID, AccountID: accountID, System: "e", Reason: "contract_running"},
		closuretest.Payload[events.ClosureRefused](b, said[0]))
	require.Equal(b, map[string]float64{"account_closure_failed_total{e}": 1}, b.scrape())

	refused := closuretest.Attempts(b.out.E.Book().Attempts, "close")[0].Key
	again := event
	again.ID = uuid.NewString()
	b.deliver(http.StatusOK, again)
	require.Equal(b, 1, b.attempts(), "parked: nobody asks")

	b.as(`update closure.account_closure set state = 'CLOSING_E', attempt = attempt + 1 where account_id = $1`, accountID)
	again.ID = uuid.NewString()
	b.deliver(http.StatusOK, again)
	require.Equal(b, closure.Closed, closuretest.One(b, b.owner, accountID).State)
	require.NotEqual(b, refused, b.out.E.Book().Closes[0].Key)
}

func TestA06_EIsNeverCalledBeforeMambuHasConfirmed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	early := b.starting()
	parked := b.starting()
	b.as(`update closure.account_closure set state = 'PARKED', last_error = 'mambu refused' where account_id = $1`, parked)
	b.deliver(http.StatusUnprocessableEntity, fntest.Event(events.ClosureMambuClosed{ClosureID: closure.ID(early), AccountID: early}))
	b.deliver(http.StatusOK, fntest.Event(events.ClosureMambuClosed{ClosureID: closure.ID(parked), AccountID: parked}))
	unknown := uuid.NewString()
	b.deliver(http.StatusUnprocessableEntity, fntest.Event(events.ClosureMambuClosed{ClosureID: closure.ID(unknown), AccountID: unknown}))
	require.Empty(b, b.out.E.Book().Attempts)
	require.Equal(b, closure.ClosingMambu, closuretest.One(b, b.owner, early).State)
}

// Both systems have closed an account that the ledger holds open: nothing is
// glossed over, and the event waits for a person.
func TestAnAccountThatTheLedgerHoldsOpenIsForAPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	accountID, event := b.closedInMambu()
	b.as(`alter table ledger.account disable trigger account_moves_forward`) // no function can do this
	b.as(`update ledger.account set status = 'open', closing_at = null where id = $1`, accountID)
	b.deliver(http.StatusUnprocessableEntity, event)
	require.Equal(b, closure.ClosingE, closuretest.One(b, b.owner, accountID).State)
	require.Empty(b, closuretest.Said(b, b.owner))
	require.Empty(b, b.scrape(), "what did not commit is not counted")

	b.as(`update ledger.account set status = 'closing', closing_at = now() where id = $1`, accountID)
	b.deliver(http.StatusOK, event)
	require.Equal(b, closure.Closed, closuretest.One(b, b.owner, accountID).State)
	require.Len(b, b.out.E.Book().Closes, 1)
}

// What a person did while E was being asked is not undone by its answer.
func TestAnAnswerThatComesAfterTheClosureWasParkedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(b, b.out.E.Moods.Script(outsidetest.Mood{
		Kind: outsidetest.Slow, Op: "close", Delay: outsidetest.Duration(250 * time.Millisecond),
	}))
	accountID, event := b.closedInMambu()
	done := make(chan int)
	go func() {
		status, _ := b.door.Post(b, event)
		done <- status
	}()
	require.Eventually(b, func() bool { return b.attempts() == 1 }, 5*time.Second, time.Millisecond)
	b.as(`update closure.account_closure set state = 'PARKED', last_error = 'stop' where account_id = $1`, accountID)
	require.Equal(b, http.StatusOK, <-done)
	require.Equal(b, closure.Parked, closuretest.One(b, b.owner, accountID).State)
	require.Equal(b, "closing", b.ledgerStatus(accountID))
	require.Empty(b, closuretest.Said(b, b.owner))

	// Whoever has it go on hears that it is closed.
	b.as(`update closure.account_closure set state = 'CLOSING_E', attempt = attempt + 1 where account_id = $1`, accountID)
	event.ID = uuid.NewString()
	b.deliver(http.StatusOK, event)
	require.Equal(b, closure.Closed, closuretest.One(b, b.owner, accountID).State)
	require.Len(b, b.out.E.Book().Closes, 1)
}
