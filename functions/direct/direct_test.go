package direct_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const consumer = "ledger-posting"

func asked() fn.Envelope {
	return fntest.Event(events.TransferRequested{
		TransactionID: uuid.NewString(), SrcAccountID: uuid.NewString(), DstAccountID: uuid.NewString(),
		Direction: events.Debit, AmountMinor: 5, Currency: "EUR",
	})
}

// posting is a caller of a server that answers with handle.
func posting(t *testing.T, handle http.HandlerFunc) *direct.Caller {
	t.Helper()
	server := httptest.NewServer(handle)
	transport := &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); server.Close() })
	return direct.New(direct.Options{
		Consumer: consumer, URL: server.URL, Keys: fntest.Keys.Ring("api"), Transport: transport,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Deadline: 5 * time.Second,
	})
}

func TestWhatTheConsumerSaidComesBack(t *testing.T) {
	t.Parallel()
	e, at := asked(), time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)
	c := posting(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "return=representation", r.Header.Get("Prefer"))
		require.Equal(t, e.ID, r.Header.Get("Ce-Id"))
		require.NoError(t, fntest.Ring(consumer).Verify(consumer, signing.Event{
			ID: e.ID, Source: e.Source, Type: string(e.Type), Subject: e.Subject, Time: e.Time, PartitionKey: e.PartitionKey,
			CorrelationID: e.CorrelationID, CausationID: e.CausationID, Hash: fn.PayloadHash(string(e.Type), e.Data),
		}, r.Header.Get("Ce-Signature")))
		w.Header().Set("Ce-Type", string(events.TypeTransferRejected))
		w.Header().Set("Ce-Time", at.Format(time.RFC3339Nano))
		_, _ = w.Write([]byte(`{"reason":"x"}`))
	})
	said, err := c.Ask(context.Background(), e)
	require.NoError(t, err)
	require.Equal(t, events.TypeTransferRejected, said.Type)
	require.Equal(t, at, said.Time)
	require.JSONEq(t, `{"reason":"x"}`, string(said.Data))
}

// An answer that settles nothing is unknown; a refusal to handle the event is for a
// person.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{
		http.StatusOK: false, http.StatusAccepted: false, http.StatusConflict: false, http.StatusUnauthorized: false, http.StatusNotFound: false,
		http.StatusBadRequest: true, http.StatusUnprocessableEntity: true, http.StatusRequestEntityTooLarge: true, http.StatusUnsupportedMediaType: true,
	} {
		c := posting(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := c.Ask(context.Background(), asked())
		require.Error(t, err)
		answer, _ := fn.Verdict(err)
		require.Equal(t, permanent, answer == fn.Refused, "%d: %v", status, err)
		require.Equal(t, !permanent, errors.Is(err, direct.ErrUnknown), "%d: %v", status, err)
	}
}

// What passes is asked again, a few times.
func TestWhatPassesIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asks atomic.Int32
	c := posting(t, func(w http.ResponseWriter, _ *http.Request) {
		if asks.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Ce-Time", time.Now().UTC().Format(time.RFC3339Nano))
	})
	_, err := c.Ask(context.Background(), asked())
	require.NoError(t, err)
	require.EqualValues(t, 3, asks.Load())
}

func TestNobodyThereAndNoKeys(t *testing.T) {
	t.Parallel()
	away := direct.New(direct.Options{Consumer: consumer, URL: "http://127.0.0.1:1", Keys: fntest.Keys.Ring("api"), Deadline: time.Second})
	_, err := away.Ask(context.Background(), asked())
	require.ErrorIs(t, err, direct.ErrUnknown)
	bare := direct.New(direct.Options{Consumer: consumer, URL: "http://127.0.0.1:1"})
	_, err = bare.Ask(context.Background(), asked())
	require.ErrorIs(t, err, direct.ErrUnknown)
	require.ErrorIs(t, err, signing.ErrNoKeys)
}
