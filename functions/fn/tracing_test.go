package fn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	parent  = "00-" + traceID + "-b7ad6b7169203331-01"
)

// TestB24_OneTrace: the span of a delivery hangs under the caller's, by the
// header or else by the event's own extension, and what is said carries it on.
// Not parallel: the tracer is the process's.
func TestB24_OneTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	r := newRig(t)
	door := r.open(local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		if in.CorrelationID == "broken" {
			return nil, errors.New("no")
		}
		return nil, nil
	}), fn.Options{})
	carried := func(id string) string {
		return r.text(`select traceparent from delivery.outbox where causation_id = $1`, id)
	}

	e := fntest.Event(submitted())
	e.TraceParent = parent
	eventually(t, door, e)
	ended := spans.Ended()
	require.Len(t, ended, 1)
	require.Equal(t, "validation "+string(events.TypePaymentSubmitted), ended[0].Name())
	require.Equal(t, traceID, ended[0].SpanContext().TraceID().String())
	require.Equal(t, "b7ad6b7169203331", ended[0].Parent().SpanID().String())
	require.Equal(t, "00-"+traceID+"-"+ended[0].SpanContext().SpanID().String()+"-01", carried(e.ID))

	byExtension := fntest.Event(submitted())
	request, err := byExtension.Request(t.Context(), door.URL)
	require.NoError(t, err)
	request.Header.Set("Ce-Traceparent", parent)
	response, text := do(t, request)
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	require.Contains(t, carried(byExtension.ID), traceID)

	e = fntest.Event(submitted())
	e.CorrelationID = "broken"
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	ended = spans.Ended()
	require.Equal(t, codes.Error, ended[len(ended)-1].Status().Code)

	ctx, span := otel.Tracer("test").Start(t.Context(), "a request")
	said, err := door.Host.Transact(ctx, "command", "", func(context.Context, fn.Tx) ([]events.Data, error) {
		return []events.Data{validated(submitted())}, nil
	})
	span.End()
	require.NoError(t, err)
	require.Contains(t, said[0].TraceParent, span.SpanContext().TraceID().String())
}

// TestObserve: one span and one count per request of an API.
func TestObserve(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		require.NoError(t, http.NewResponseController(w).Flush())
	})
	handler := fn.Observe("api", mux)
	for _, path := range []string{"/things/1", "/things/broken", "/nothing"} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Traceparent", parent)
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	ended := spans.Ended()
	require.Len(t, ended, 3)
	for i, want := range []struct {
		name string
		code codes.Code
	}{{"GET /things/{id}", codes.Unset}, {"GET /things/{id}", codes.Error}, {"none", codes.Unset}} {
		require.Equal(t, want.name, ended[i].Name())
		require.Equal(t, want.code, ended[i].Status().Code)
		require.Equal(t, traceID, ended[i].SpanContext().TraceID().String())
	}
}

// lines is a log that may be written by many.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestA27_E10_Logs: one JSON object per line, with the event, the journey and
// the room's own pairs, on the kernel's lines and on the room's.
func TestA27_E10_Logs(t *testing.T) {
	t.Parallel()
	r, log := newRig(t), &lines{}
	tries := 0
	door := r.open(function("validation", fn.LogWith(fn.Local(
		func(ctx context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			fn.Log(fn.WithLog(ctx, "step", "look")).InfoContext(ctx, "looking")
			if tries++; tries == 1 {
				return nil, errors.New("the ledger is asleep")
			}
			return []events.Data{validated(in.Data)}, nil
		}), func(d events.PaymentSubmitted) []any { return []any{"payment_id", d.PaymentID} })),
		fn.Options{Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	d := submitted()
	e := fntest.Event(d)
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	eventually(t, door, e)
	eventually(t, door, e)
	door.Host.Close()

	seen := map[string]map[string]any{}
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		require.Equal(t, "validation", entry["function"], line)
		require.Equal(t, e.ID, entry["event_id"], line)
		require.Equal(t, string(e.Type), entry["event_type"], line)
		require.Equal(t, e.CorrelationID, entry["correlation_id"], line)
		require.Equal(t, d.PaymentID, entry["payment_id"], line)
		seen[entry["msg"].(string)] = entry
	}
	require.Equal(t, "the ledger is asleep", seen["not handled"]["error"])
	require.Equal(t, "look", seen["looking"]["step"])
	require.Equal(t, []any{string(events.TypePaymentValidated)}, seen["handled"]["said"])
	require.Contains(t, seen, "handled before")
	require.NotNil(t, fn.Log(t.Context()), "outside a delivery there is a logger too")
	require.Equal(t, []any{"a", 1, "b", 2}, fn.LogPairs(fn.WithLog(fn.WithLog(t.Context(), "a", 1), "b", 2)))
}
