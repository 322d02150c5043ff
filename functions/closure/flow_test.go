package closure_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/outside/outsidetest"
)

var toTheEnd = []closure.State{
	closure.Open, closure.ClosingMambu, closure.MambuClosed, closure.ClosingE, closure.EClosed, closure.Closed,
}

func TestA02_AnEmptiedAccountEndsClosedEverywhereByItself(t *testing.T) {
	t.Parallel()
	b := newBank(t, fn.Options{})
	accountID, news := b.emptied()
	b.carry(news)
	b.requireClosed(accountID)
	require.Equal(t, map[string]float64{
		"account_closure_started_total": 1, "account_closure_completed_total": 1,
	}, b.scrape(), "A25")
	for _, said := range closuretest.Said(t, b.owner) {
		require.Equal(t, news.CorrelationID, said.CorrelationID, "one journey")
	}
	// A14, A28: who moved it is in the history.
	rows, err := b.owner.Query(context.Background(), `
		select to_state, actor from closure.account_closure_events where account_id = $1 order by id`, accountID)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var to, actor string
		require.NoError(t, rows.Scan(&to, &actor))
		want := "quittance_closure_e"
		if to == "OPEN" || to == "CLOSING_MAMBU" || to == "MAMBU_CLOSED" {
			want = "quittance_closure_mambu"
		}
		require.Equal(t, want, actor, to)
	}
	require.NoError(t, rows.Err())
}

func TestA23_TwentyCopiesOfEveryEventAreOneFlow(t *testing.T) {
	t.Parallel()
	b := newBank(t, fn.Options{})
	b.copies = 20
	accountID, news := b.emptied()
	b.carry(news)
	b.requireClosed(accountID)
	require.Len(t, closuretest.Said(t, b.owner), 3)
	require.Len(t, closuretest.Attempts(b.out.Mambu.Book().Attempts, "close"), 1)
	require.Len(t, closuretest.Attempts(b.out.E.Book().Attempts, "close"), 1)
	require.Equal(t, map[string]float64{
		"account_closure_started_total": 1, "account_closure_completed_total": 1,
	}, b.scrape())
}

func TestA06_WhenMambuRefusesEIsNeverCalled(t *testing.T) {
	t.Parallel()
	b := newBank(t, fn.Options{})
	require.NoError(t, b.out.Mambu.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Op: "close", Code: "INVALID_STATE_TRANSITION"}))
	accountID, news := b.emptied()
	b.carry(news)
	row := closuretest.One(t, b.owner, accountID)
	require.Equal(t, closure.Parked, row.State)
	require.Nil(t, row.EmailSentAt)
	require.Empty(t, b.out.E.Book().Attempts)
	require.Empty(t, b.out.Mambu.Book().Closes)
	require.Len(t, closuretest.Said(t, b.owner, events.TypeClosureRefused), 1)
	require.Empty(t, closuretest.Said(t, b.owner, events.TypeAccountClosed))
}

var errDied = errors.New("the process died here")

// A10, A11: whatever the outside systems do to calls, wherever the functions
// die, and however often events come, every closure ends as if nothing had
// been the matter.
func TestA10_A11_AStormChangesNothingInTheEnd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			dice := rand.New(rand.NewPCG(seed, 1))
			b := newBank(t, fn.Options{
				Deadline: 5 * time.Second, Lease: 200 * time.Millisecond, // short: claims are lost, and calls overlap
				Failpoint: func(string) error {
					mu.Lock()
					defer mu.Unlock()
					if dice.Float64() < 0.04 {
						return errDied
					}
					return nil
				},
			})
			b.copies = 3
			var weather []outsidetest.Chance
			for _, kind := range []outsidetest.Kind{
				outsidetest.Status, outsidetest.StatusAfter, outsidetest.TooMany, outsidetest.CutBefore, outsidetest.CutAfter,
				outsidetest.CutMidBody, outsidetest.Garbage, outsidetest.InProgress, outsidetest.Locked,
			} {
				weather = append(weather, outsidetest.Chance{Mood: outsidetest.Mood{Kind: kind}, P: 0.05})
			}
			weather = append(weather,
				outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.TimeoutAfter}, P: 0.02},
				outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.Busy, Delay: outsidetest.Duration(300 * time.Millisecond)}, P: 0.05})
			require.NoError(t, b.out.Mambu.Moods.Weather(seed, weather...))
			require.NoError(t, b.out.E.Moods.Weather(seed+1, weather...))

			var accounts []string
			var news []fn.Envelope
			for range 5 {
				accountID, event := b.emptied()
				accounts, news = append(accounts, accountID), append(news, event)
			}
			b.carry(news...)
			for _, accountID := range accounts {
				b.requireClosed(accountID)
			}
			require.Len(t, b.out.Mambu.Book().Closes, len(accounts))
			require.Len(t, b.out.E.Book().Closes, len(accounts))
			var failed int
			require.NoError(t, b.owner.QueryRow(context.Background(), `select sum(attempts) from delivery.failure`).Scan(&failed))
			require.Greater(t, failed, 5, "it was no storm")
		})
	}
}
