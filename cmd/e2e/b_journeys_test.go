//go:build e2e

package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// A02, C01, D01: the journeys end as promised, in the tables and outside.
func TestBothJourneys(t *testing.T) {
	c := here(t)
	run := uuid.NewString()
	started := time.Now()
	_, err := demo.Payment(t.Context(), c.play(run))
	require.NoError(t, err)
	figures.add("card payment, submitted to receipt: %.1f s", time.Since(started).Seconds())
	started = time.Now()
	_, err = demo.Closing(t.Context(), c.play(run))
	require.NoError(t, err)
	figures.add("closing, account opened to customer told: %.1f s", time.Since(started).Seconds())
	_, err = demo.Transfer(t.Context(), c.play(run))
	require.NoError(t, err)
	c.trueBooks(t)
}

// F03: twenty copies of every event that was said arrive at the Brokers at once,
// and nothing changes.
func TestF03_CopiesChangeNothing(t *testing.T) {
	c := here(t)
	said := c.said(t)
	if len(said) > 40 {
		said = said[len(said)-40:] // of the last journeys
	}
	c.trueBooks(t)
	mark := uuid.NewString()
	before := c.state(t, mark)
	world, err := books.At(t.Context(), plain, "http://"+c.outside.Address)
	require.NoError(t, err)
	for _, e := range said {
		var copies sync.WaitGroup
		for range 20 {
			copies.Go(func() {
				status, err := c.post(t.Context(), e)
				if err != nil || status/100 != 2 {
					t.Errorf("%s: %d %v", e.Type, status, err)
				}
			})
		}
		copies.Wait()
	}
	c.poison(t, mark) // behind the copies: Brokers answer before they deliver
	c.trueBooks(t)
	after, err := books.At(t.Context(), plain, "http://"+c.outside.Address)
	require.NoError(t, err)
	require.Equal(t, len(world.Mails), len(after.Mails))
	more, missing := compare(before, c.state(t, mark))
	require.Empty(t, more)
	require.Empty(t, missing)
	figures.add("%d events, each 20 times more: no row and no mail more", len(said))
}

// state is every row of the bank, but for those of the clock and of mark.
func (c *cluster) state(t *testing.T, mark string) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for line := range strings.Lines(fntest.Snapshot(t, c.owner)) {
		if !strings.Contains(line, "pingsources") && !strings.Contains(line, mark) {
			rows[line]++
		}
	}
	return rows
}

func compare(before, after map[string]int) (more, missing []string) {
	for row, n := range after {
		if n > before[row] {
			more = append(more, row)
		}
	}
	for row, n := range before {
		if n > after[row] {
			missing = append(missing, row)
		}
	}
	return more, missing
}

// poison posts one event of every type that nobody can read, and waits until
// each consumer's letter is there; then they are put away.
func (c *cluster) poison(t *testing.T, mark string) (letters int) {
	t.Helper()
	for _, entry := range events.Catalogue() {
		status, err := c.post(t.Context(), fn.Envelope{
			ID: mark + string(entry.Type), Source: fn.Source(entry.Says[0]), Type: entry.Type, Subject: "poison", Broker: entry.Broker,
			CorrelationID: mark, Time: time.Now(), Data: []byte(`{"poison":true}`),
		})
		require.NoError(t, err)
		require.Equal(t, 2, status/100)
	}
	for consumer, types := range events.Subscriptions() {
		letters += len(types)
		eventually(t, 2*time.Minute, "dead letters of "+consumer, func() bool {
			return c.count(t, `select count(*) from delivery.dead_letter where correlation_id = $1 and consumer = $2 and reason <> ''`, mark, consumer) == len(types)
		})
	}
	_, err := c.owner.Exec(t.Context(), `update delivery.dead_letter set status = 'discarded' where correlation_id = $1`, mark)
	require.NoError(t, err)
	return letters
}

// F26, D15: a poison event at each function ends in the dead-letter table with
// its reason, and the flow behind it goes on.
func TestF26_PoisonIsADeadLetterWithItsReason(t *testing.T) {
	c := here(t)
	letters := c.poison(t, uuid.NewString())
	figures.add("%d poison events: %d dead letters, each with its consumer and reason", len(events.Catalogue()), letters)
	_, err := demo.Payment(t.Context(), c.play(uuid.NewString()))
	require.NoError(t, err)
	c.trueBooks(t)
}
