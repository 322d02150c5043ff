package audit_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/audit"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	lost := deliverytest.Event()
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return audit.New(time.Minute), nil },
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			r := deliverytest.NewRows(t, owner)
			r.Owes("payment")
			e := lost
			r.Put(&e)
			r.Took(e, 3*time.Minute)
			r.Exec(`update delivery.audit_mark set audited_to = now() - interval '4 minutes'`)
		},
		Events: []events.Data{events.Tick{}, events.Tick{}},
	})
}

// TestF04_EachFindingIsSaid under its own journey, and delivered to that
// consumer alone.
func TestF04_EachFindingIsSaid(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := deliverytest.NewRows(t, db.Pool(""))
	door := fntest.Open(t, audit.New(time.Minute), db.Pool("quittance_audit"), fn.Options{})
	r.Exec(`update delivery.audit_mark set audited_to = now() - interval '4 minutes'`)
	r.Owes("payment")
	r.Owes("receipt")
	one, two, fresh := r.Sent(3*time.Minute), r.Sent(3*time.Minute), r.Sent(10*time.Second)
	r.Done("receipt", one)
	tick := func() {
		status, text := door.Post(t, fntest.Event(events.Tick{}))
		require.Equal(t, http.StatusOK, status, text)
	}
	tick()
	for _, want := range []struct {
		consumer string
		e        fn.Envelope
	}{{"payment", one}, {"payment", two}, {"receipt", two}} {
		require.Equal(t, 1, r.Count(`from delivery.outbox where type = $1 and correlation_id = $2
			and data->>'check' = 'unheard' and data->>'consumer' = $3 and data->>'event_id' = $4 and subject = $5`,
			events.TypeAuditFinding, want.e.CorrelationID, want.consumer, want.e.ID,
			fn.DeriveID("unheard", want.consumer, want.e.Source, want.e.ID)))
		require.Equal(t, 1, r.Count(`from delivery.redelivery where consumer = $1 and id = $2 and why = 'unheard'`, want.consumer, want.e.ID))
	}
	require.Zero(t, r.Count(`from delivery.redelivery where id = $1`, fresh.ID))
	require.Equal(t, 3, r.Count(`from delivery.outbox where type = $1`, events.TypeAuditFinding))
	tick()
	require.Equal(t, 3, r.Count(`from delivery.outbox where type = $1`, events.TypeAuditFinding), "said once")
}

// TestPartitionsAhead: a week of them, whatever is there.
func TestPartitionsAhead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := deliverytest.NewRows(t, db.Pool(""))
	for day := range 7 {
		r.Exec(fmt.Sprint(`drop table if exists delivery.outbox_`, time.Now().UTC().AddDate(0, 0, day+1).Format("20060102")))
	}
	door := fntest.Open(t, audit.New(time.Minute), db.Pool("quittance_audit"), fn.Options{})
	for range 2 {
		status, text := door.Post(t, fntest.Event(events.Tick{}))
		require.Equal(t, http.StatusOK, status, text)
		require.GreaterOrEqual(t, r.Count(`from pg_inherits where inhparent = 'delivery.outbox'::regclass`), 3, "two days ahead, and the default")
	}
}

// TestAnErrorWaitsForTheNextTick, and no finding is lost by it.
func TestAnErrorWaitsForTheNextTick(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := deliverytest.NewRows(t, db.Pool(""))
	door := fntest.Open(t, audit.New(time.Minute), db.Pool("quittance_audit"), fn.Options{})
	r.Exec(`update delivery.audit_mark set audited_to = now() - interval '4 minutes'`)
	r.Owes("payment")
	r.Sent(3 * time.Minute)
	for _, broken := range []string{"make_partitions(integer)", "audit_mark"} {
		kind := "table"
		if broken != "audit_mark" {
			kind = "function"
		}
		privilege := map[string]string{"table": "update", "function": "execute"}[kind]
		r.Exec(fmt.Sprintf(`revoke %s on %s delivery.%s from quittance_audit`, privilege, kind, broken))
		status, _ := door.Post(t, fntest.Event(events.Tick{}))
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Zero(t, r.Count(`from delivery.redelivery`))
		r.Exec(fmt.Sprintf(`grant %s on %s delivery.%s to quittance_audit`, privilege, kind, broken))
	}
	status, _ := door.Post(t, fntest.Event(events.Tick{}))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, r.Count(`from delivery.redelivery`))
	_, err := db.Pool("quittance_audit").Exec(context.Background(), `delete from delivery.outbox`)
	require.ErrorContains(t, err, "permission denied")
}
