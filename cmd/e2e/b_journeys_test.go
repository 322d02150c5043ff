//go:build e2e

package e2e

import (
	"net/http"
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

// A02, D01: both journeys end as promised, in the tables and outside.
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
	before := fntest.Snapshot(t, c.owner)
	world, err := books.At(t.Context(), http.DefaultClient, "http://"+c.outside.Address)
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
	c.quiet(t)
	c.trueBooks(t)
	require.Equal(t, before, fntest.Snapshot(t, c.owner))
	after, err := books.At(t.Context(), http.DefaultClient, "http://"+c.outside.Address)
	require.NoError(t, err)
	require.Equal(t, len(world.Mails), len(after.Mails))
	figures.add("%d events, each 20 times more: no row and no mail more", len(said))
}

// quiet waits until an event that follows the others through every Broker was
// handled: Brokers answer before they deliver.
func (c *cluster) quiet(t *testing.T) {
	t.Helper()
	_, err := demo.Payment(t.Context(), c.play(uuid.NewString()))
	require.NoError(t, err)
}

// F26, D15: a poison event at each function ends in the dead-letter table with
// its reason, and the flow behind it goes on.
func TestF26_PoisonIsADeadLetterWithItsReason(t *testing.T) {
	c := here(t)
	mark := uuid.NewString()
	for _, entry := range events.Catalogue() {
		status, err := c.post(t.Context(), fn.Envelope{
			ID: mark + string(entry.Type), Source: fn.Source(entry.Says[0]), Type: entry.Type, Subject: "poison", Broker: entry.Broker,
			CorrelationID: mark, Time: time.Now(), Data: []byte(`{"poison":true}`),
		})
		require.NoError(t, err)
		require.Equal(t, 2, status/100)
	}
	letters := 0
	for consumer, types := range events.Subscriptions() {
		letters += len(types)
		eventually(t, 2*time.Minute, "dead letters of "+consumer, func() bool {
			return c.count(t, `select count(*) from delivery.dead_letter where correlation_id = $1 and consumer = $2 and reason <> ''`, mark, consumer) == len(types)
		})
	}
	figures.add("%d poison events: %d dead letters, each with its consumer and reason", len(events.Catalogue()), letters)
	_, err := c.owner.Exec(t.Context(), `update delivery.dead_letter set status = 'discarded' where correlation_id = $1`, mark)
	require.NoError(t, err)
	_, err = demo.Payment(t.Context(), c.play(uuid.NewString()))
	require.NoError(t, err)
	c.trueBooks(t)
}
