package closuremambu_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside/outsidetest"
)

func TestA04_MambuClosesTheAccountOnceUnderTheClosureID(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID, event := b.started()
	b.deliver(http.StatusOK, event)

	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.MambuClosed, row.State)
	require.NotNil(b, row.MambuClosedAt)
	require.Nil(b, row.EClosedAt)
	closes := b.out.Mambu.Book().Closes
	require.Len(b, closes, 1)
	require.Equal(b, row.ClosureID, closes[0].Key, "A18")
	require.Equal(b, row.Notes, closes[0].Notes)
	require.Equal(b, accountID, closes[0].AccountID)
	said := closuretest.Said(b, b.owner, events.TypeClosureMambuClosed)
	require.Len(b, said, 1)
	require.Equal(b, events.ClosureMambuClosed{ClosureID: row.ClosureID, AccountID: accountID},
		closuretest.Payload[events.ClosureMambuClosed](b, said[0]))

	b.deliver(http.StatusOK, event)
	next := event
	next.ID = uuid.NewString() // the same news under another id, as from a person who replays it
	b.deliver(http.StatusOK, next)
	require.Len(b, closuretest.Attempts(b.out.Mambu.Book().Attempts, "close"), 1, "Mambu is not asked again")
	require.Len(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed), 1)
}

func TestA18_ThreeTimes503ThenYesMovesOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	require.NoError(b, b.out.Mambu.Moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Status: 503, Op: "close", Times: 3}))
	accountID, event := b.started()

	b.deliver(http.StatusServiceUnavailable, event)
	require.Nil(b, closuretest.One(b, b.owner, accountID).LastError)
	b.deliver(http.StatusServiceUnavailable, event)
	require.Contains(b, *closuretest.One(b, b.owner, accountID).LastError, "503", "whoever looks sees why it stands still")
	require.Zero(b, count(b, `select count(*) from delivery.redelivery`))
	// The third is put off, and the broker is told that all is well.
	b.deliver(http.StatusOK, event)
	require.Equal(b, 1, count(b, `
		select count(*) from delivery.redelivery
		where consumer = 'closure-mambu' and source = $1 and id = $2 and why = 'deferred' and due_at > now()`, event.Source, event.ID))
	require.Equal(b, closure.ClosingMambu, closuretest.One(b, b.owner, accountID).State)
	// The fourth is the relay's, from delivery.redelivery.
	b.deliver(http.StatusOK, event)

	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.MambuClosed, row.State)
	require.Nil(b, row.LastError)
	require.Equal(b, []closure.State{closure.Open, closure.ClosingMambu, closure.MambuClosed}, closuretest.History(b, b.owner, accountID))
	require.Len(b, b.out.Mambu.Book().Closes, 1)
	attempts := closuretest.Attempts(b.out.Mambu.Book().Attempts, "close")
	require.Len(b, attempts, 4)
	for _, a := range attempts {
		require.Equal(b, row.ClosureID, a.Key)
		require.Equal(b, attempts[0].SHA256, a.SHA256, "the body is the same to the byte")
	}
	require.Len(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed), 1)
	require.Equal(b, map[string]float64{"account_closure_started_total": 1}, b.scrape(), "an unknown outcome is no failure")
}

func TestADeferralWaitsAsLongAsMambuAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	require.NoError(b, b.out.Mambu.Moods.Script(outsidetest.Mood{
		Kind: outsidetest.TooMany, Op: "close", Times: 3, RetryAfter: outsidetest.Duration(2 * time.Minute),
	}))
	_, event := b.started()
	b.deliver(http.StatusServiceUnavailable, event)
	b.deliver(http.StatusServiceUnavailable, event)
	b.deliver(http.StatusOK, event)
	require.Equal(b, 1, count(b, `select count(*) from delivery.redelivery where due_at > now() + interval '100 seconds'`))
}

// Whatever happens to the answer, the account is closed once and the closure
// moves once.
func TestA10_AnAnswerThatIsLostIsNotASecondClose(t *testing.T) {
	t.Parallel()
	for name, mood := range map[string]outsidetest.Mood{
		"timeout after success":  {Kind: outsidetest.TimeoutAfter},
		"timeout before success": {Kind: outsidetest.TimeoutBefore},
		"cut after success":      {Kind: outsidetest.CutAfter},
		"cut in the answer":      {Kind: outsidetest.CutMidBody},
		"cut before":             {Kind: outsidetest.CutBefore},
		"garbage":                {Kind: outsidetest.Garbage},
		"500 after success":      {Kind: outsidetest.StatusAfter},
		"102":                    {Kind: outsidetest.InProgress},
		"409":                    {Kind: outsidetest.Locked},
		"429":                    {Kind: outsidetest.TooMany},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fn.Options{})
			mood.Op = "close"
			require.NoError(b, b.out.Mambu.Moods.Script(mood))
			accountID, event := b.started()
			if status, _ := b.door.Post(b, event); status != http.StatusOK {
				require.Equal(b, http.StatusServiceUnavailable, status)
				b.deliver(http.StatusOK, event)
			}
			row := closuretest.One(b, b.owner, accountID)
			require.Equal(b, closure.MambuClosed, row.State)
			require.Len(b, b.out.Mambu.Book().Closes, 1)
			for _, a := range closuretest.Attempts(b.out.Mambu.Book().Attempts, "close") {
				require.Equal(b, row.ClosureID, a.Key)
			}
			require.Len(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed), 1)
		})
	}
}

func TestTwentyCopiesAtOnceCloseOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID, event := b.started()
	statuses := b.atOnce(event)
	require.GreaterOrEqual(b, statuses[http.StatusOK], 1)
	require.Equal(b, 20, statuses[http.StatusOK]+statuses[http.StatusConflict], "the others are told that it is being worked on: %v", statuses)
	require.Equal(b, closure.MambuClosed, closuretest.One(b, b.owner, accountID).State)
	require.Len(b, closuretest.Attempts(b.out.Mambu.Book().Attempts, "close"), 1)
	require.Len(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed), 1)
	b.deliver(http.StatusOK, event)
}

func TestARefusalParksUntilAPersonHasLookedAndThenTakesANewKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID, event := b.started()
	require.NoError(b, b.out.Mambu.Put(mambutest.Account{ID: accountID, Balance: "0.07"}))
	b.deliver(http.StatusOK, event)

	row := closuretest.One(b, b.owner, accountID)
	require.Equal(b, closure.Parked, row.State)
	require.Contains(b, *row.LastError, "ACCOUNT_HAS_REMAINING_BALANCE")
	require.Nil(b, row.MambuClosedAt)
	said := closuretest.Said(b, b.owner, events.TypeClosureRefused)
	require.Len(b, said, 1)
	require.Equal(b, events.ClosureRefused{
		ClosureID: row.ClosureID, AccountID: accountID, System: "mambu", Reason: "ACCOUNT_HAS_REMAINING_BALANCE",
	}, closuretest.Payload[events.ClosureRefused](b, said[0]))
	require.Empty(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed))
	require.Equal(b, map[string]float64{"account_closure_started_total": 1, "account_closure_failed_total{mambu}": 1}, b.scrape())

	again := event
	again.ID = uuid.NewString()
	b.deliver(http.StatusOK, event)
	b.deliver(http.StatusOK, again)
	require.Len(b, closuretest.Attempts(b.out.Mambu.Book().Attempts, "close"), 1, "parked: nobody asks")

	// A person has the last cents booked out, and has the closure go on.
	require.NoError(b, b.out.Mambu.Put(mambutest.Account{ID: accountID}))
	b.as(`update closure.account_closure set state = 'CLOSING_MAMBU', attempt = attempt + 1 where account_id = $1`, accountID)
	again.ID = uuid.NewString()
	b.deliver(http.StatusOK, again)
	require.Equal(b, closure.MambuClosed, closuretest.One(b, b.owner, accountID).State)
	closes := b.out.Mambu.Book().Closes
	require.Len(b, closes, 1)
	require.NotEqual(b, row.ClosureID, closes[0].Key, "Mambu may keep the refusal under the old key")
}

// What a person did while Mambu was being asked is not undone by its answer.
func TestAnAnswerThatComesAfterTheClosureWasParkedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	require.NoError(b, b.out.Mambu.Moods.Script(outsidetest.Mood{
		Kind: outsidetest.Slow, Op: "close", Delay: outsidetest.Duration(250 * time.Millisecond),
	}))
	accountID, event := b.started()
	done := make(chan int)
	go func() {
		status, _ := b.door.Post(b, event)
		done <- status
	}()
	require.Eventually(b, func() bool {
		return len(closuretest.Attempts(b.out.Mambu.Book().Attempts, "close")) == 1
	}, 5*time.Second, time.Millisecond)
	b.as(`update closure.account_closure set state = 'PARKED', last_error = 'stop' where account_id = $1`, accountID)
	require.Equal(b, http.StatusOK, <-done)
	require.Equal(b, closure.Parked, closuretest.One(b, b.owner, accountID).State)
	require.Empty(b, closuretest.Said(b, b.owner, events.TypeClosureMambuClosed))

	// Whoever has it go on hears that it is closed.
	b.as(`update closure.account_closure set state = 'CLOSING_MAMBU', attempt = attempt + 1 where account_id = $1`, accountID)
	event.ID = uuid.NewString()
	b.deliver(http.StatusOK, event)
	require.Equal(b, closure.MambuClosed, closuretest.One(b, b.owner, accountID).State)
	require.Len(b, b.out.Mambu.Book().Closes, 1)
}

func TestAnEventThatSpeaksOfNoClosureIsForAPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	accountID, _ := b.started()
	for _, forged := range []events.ClosureStarted{
		{ClosureID: uuid.NewString(), AccountID: accountID},
		{ClosureID: closure.ID(accountID), AccountID: uuid.NewString()},
	} {
		b.deliver(http.StatusUnprocessableEntity, fntest.Event(forged))
	}
	require.Empty(b, b.out.Mambu.Book().Attempts)
	require.Equal(b, closure.ClosingMambu, closuretest.One(b, b.owner, accountID).State)
}

func TestA27_EveryLineOfAFailingClosureSaysWhichOneAndWhere(t *testing.T) {
	t.Parallel()
	b := newBench(t, fn.Options{})
	require.NoError(b, b.out.Mambu.Moods.Script(
		outsidetest.Mood{Kind: outsidetest.Status, Status: 503, Op: "close", Times: 3},
		outsidetest.Mood{Kind: outsidetest.Refuse, Op: "close", Code: "LOCKED_SAVINGS_AMOUNT"}))
	accountID, event := b.started()
	before := len(b.log.Lines(b))
	b.deliver(http.StatusServiceUnavailable, event)
	b.deliver(http.StatusServiceUnavailable, event)
	b.deliver(http.StatusOK, event)
	b.deliver(http.StatusOK, event)
	require.Equal(b, closure.Parked, closuretest.One(b, b.owner, accountID).State)

	troubles := map[string]int{}
	for _, line := range b.log.Lines(b)[before:] {
		require.Equal(b, closure.ID(accountID), line["closure_id"], line)
		require.Equal(b, accountID, line["account_id"], line)
		require.Equal(b, "mambu", line["step"], line)
		if line["level"] == "WARN" || line["level"] == "ERROR" {
			require.NotEmpty(b, line["error"], line)
			troubles[line["msg"].(string)]++
		}
	}
	require.Equal(b, 2, troubles["not handled"])
	require.Equal(b, 1, troubles["deferred"])
	require.Equal(b, 1, troubles["parked"])
	require.Equal(b, 3, troubles["outside call"], "each 503; the refusal's line is no warning")
}
