package mambu_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

// What reading back cannot tell stays unknown, whichever way it was said.
func TestWhatCannotBeReadBackStaysUnknown(t *testing.T) {
	blind := outsidetest.Mood{Kind: outsidetest.Status, Op: "read", Times: 9}
	for name, script := range map[string][]outsidetest.Mood{
		"already closed":          {{Kind: outsidetest.Refuse, Op: "close", Code: "ACCOUNT_ALREADY_CLOSED"}, blind},
		"refused":                 {{Kind: outsidetest.Refuse, Op: "close", Code: "LOCKED_SAVINGS_AMOUNT"}, blind},
		"said closed, not found":  {{Kind: outsidetest.Refuse, Op: "close", Code: "ACCOUNT_ALREADY_CLOSED"}, {Kind: outsidetest.Refuse, Op: "read", Code: "OBJECT_NOT_FOUND"}},
		"lost":                    {{Kind: outsidetest.CutAfter, Op: "close", Times: 9}, blind},
		"lost, read back garbled": {{Kind: outsidetest.CutAfter, Op: "close", Times: 9}, {Kind: outsidetest.Garbage, Op: "read"}},
	} {
		b := newBench(t, mambutest.Options{})
		require.NoError(t, b.emulator.Moods.Script(script...))
		result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
		var u *outside.Unknown
		require.ErrorAs(t, err, &u, name)
		require.False(t, u.Misconfigured, name)
		require.Nil(t, result.Refused, name)
	}
}

// A10: in bad weather, asking again with the same request until the outcome is
// settled closes every account, and closes it once.
func TestA10_BadWeatherClosesEachAccountOnce(t *testing.T) {
	b := newBench(t, mambutest.Options{AdoptUnknown: true}, func(c *mambu.Config) {
		c.HTTP.AttemptTimeout = 30 * time.Millisecond
	})
	b.emulator.Moods.Hold = 100 * time.Millisecond
	var weather []outsidetest.Chance
	for _, kind := range []outsidetest.Kind{
		outsidetest.Status, outsidetest.StatusAfter, outsidetest.TooMany, outsidetest.TimeoutBefore, outsidetest.TimeoutAfter,
		outsidetest.CutBefore, outsidetest.CutAfter, outsidetest.CutMidBody, outsidetest.Garbage, outsidetest.Locked, outsidetest.InProgress,
	} {
		weather = append(weather, outsidetest.Chance{Mood: outsidetest.Mood{Kind: kind}, P: 0.06})
	}
	require.NoError(t, b.emulator.Moods.Weather(42, weather...))
	const accounts, deliveries = 60, 200
	var all sync.WaitGroup
	for n := range accounts {
		all.Go(func() {
			q := mambu.CloseRequest{AccountID: fmt.Sprintf("A%d", n), Key: uuid.NewString(), Notes: "x"}
			for range deliveries {
				result, err := b.client.Close(deadline(t, 500*time.Millisecond), q)
				if err == nil && result.Confirmed() {
					return
				}
				if err == nil {
					t.Errorf("%s: %v", q.AccountID, result.Refused)
					return
				}
			}
			t.Errorf("%s: never settled", q.AccountID)
		})
	}
	all.Wait()
	closed := map[string]int{}
	for _, c := range b.emulator.Book().Closes {
		closed[c.AccountID]++
	}
	require.Len(t, closed, accounts)
	require.Len(t, b.emulator.Book().Closes, accounts)
}
