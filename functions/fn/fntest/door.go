package fntest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// Door is a function under test behind its real HTTP door.
type Door struct {
	URL  string
	Host *fn.Host
}

// Open hosts f on pool, whose role should be the function's own, and serves it
// on loopback until the test ends.
func Open(t testing.TB, f fn.Function, pool *pgxpool.Pool, o fn.Options) *Door {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Keys == nil {
		o.Keys = Ring(f.Name)
	}
	host := fn.NewHost(f, pool, o)
	server := httptest.NewServer(host)
	t.Cleanup(func() {
		server.Close()
		host.Close()
	})
	return &Door{URL: server.URL, Host: host}
}

// Event wraps data as somebody else would have said it, with a fresh id.
func Event(data events.Data) fn.Envelope {
	return As(uuid.NewString(), data)
}

// As wraps data under the given event id.
func As(id string, data events.Data) fn.Envelope {
	entry, _ := events.Lookup(data.Type())
	source := "/functions/test"
	if len(entry.Says) > 0 {
		source = fn.Source(entry.Says[0])
	}
	return fn.Envelope{
		ID: id, Source: source, Type: data.Type(), Subject: data.Subject(), PartitionKey: data.PartitionKey(),
		CorrelationID: data.Subject(), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Data: mustMarshal(data),
	}
}

// Post signs e, unless it is signed, delivers it and returns status and body.
func (d *Door) Post(t testing.TB, e fn.Envelope, header ...string) (int, string) {
	t.Helper()
	r, err := Signed(e).Request(context.Background(), d.URL)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return d.Do(t, r)
}

// Do sends any request and returns status and body.
func (d *Door) Do(t testing.TB, r *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}
