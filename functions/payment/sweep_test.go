package payment_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/payment"
)

// An outage of the processor gathers one hint per payment, not one per sweep:
// while a hint waits to be delivered again, no other is said.
func TestASweepDoesNotAskAgainForWhatIsPutOff(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{SweepAfter: time.Minute, SweepLimit: 10})
	charging := r.desk.Charging(t, r.desk.Invoice(t))
	hints := func() (n int) {
		require.NoError(t, r.owner.QueryRow(t.Context(), `select count(*) from delivery.outbox where type = $1`, events.TypeProcessorNotified).Scan(&n))
		return n
	}
	age(t, r.owner, charging.ID, time.Minute)
	require.Equal(t, http.StatusOK, r.post(t, events.Tick{}))
	require.Equal(t, 1, hints())

	_, err := r.owner.Exec(t.Context(), `
		insert into delivery.redelivery (consumer, source, id, why, due_at)
		select 'payment', source, id, 'deferred', now() + interval '1 minute' from delivery.outbox where type = $1`, events.TypeProcessorNotified)
	require.NoError(t, err)
	age(t, r.owner, charging.ID, time.Hour)
	require.Equal(t, http.StatusOK, r.post(t, events.Tick{}))
	require.Equal(t, 1, hints(), "it waits to be asked about already")

	_, err = r.owner.Exec(t.Context(), `delete from delivery.redelivery`)
	require.NoError(t, err)
	age(t, r.owner, charging.ID, time.Hour)
	require.Equal(t, http.StatusOK, r.post(t, events.Tick{}))
	require.Equal(t, 2, hints())
}
