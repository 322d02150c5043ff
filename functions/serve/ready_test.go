package serve

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/schema/version"
)

// TestAnOlderSchemaIsWaitedFor: a function that came before its migration
// answers 503 to events and to the platform, leaves nothing, and goes to work
// when the schema is there; its background waits as well.
func TestAnOlderSchemaIsWaitedFor(t *testing.T) {
	db := pgtest.New(t)
	owner := db.Pool("")
	set := func(n int) {
		_, err := owner.Exec(t.Context(), `update public.schema_version set version = $1`, n)
		require.NoError(t, err)
	}
	set(version.Needed - 1)
	env := environment(t, db, "quittance_validation")
	ctx, stop := context.WithCancel(t.Context())
	began := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, "validation", lookup(env), func(ctx context.Context, p Process, lookup Lookup) (Parts, error) {
			parts, err := Function(validation)(ctx, p, lookup)
			parts.Run = func(ctx context.Context) error { close(began); <-ctx.Done(); return nil }
			return parts, err
		})
	}()
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/healthz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	status, text := get(t, url+"/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status, text)
	e := fntest.Event(events.PaymentSubmitted{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	request, err := e.Request(t.Context(), url)
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	rows := func() (n int) {
		require.NoError(t, owner.QueryRow(t.Context(), `
			select (select count(*) from delivery.idempotency) + (select count(*) from delivery.failure)`).Scan(&n))
		return n
	}
	require.Zero(t, rows())
	select {
	case <-began:
		t.Fatal("the background did not wait")
	default:
	}

	set(version.Needed + 1) // newer is as good
	require.Eventually(t, func() bool { status, _ := get(t, url+"/readyz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	status, text = (&fntest.Door{URL: url}).Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, 1, rows())
	<-began
	stop()
	require.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()
}

// TestTheEndDoesNotWaitForASchema.
func TestTheEndDoesNotWaitForASchema(t *testing.T) {
	env := environment(t, pgtest.Empty(t), "postgres")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, "relay", lookup(env), func(context.Context, Process, Lookup) (Parts, error) {
			return Parts{Run: func(context.Context) error { t.Error("it ran without a schema"); return nil }}, nil
		})
	}()
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/healthz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
}
