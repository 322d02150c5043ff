package stripe_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/stripe/stripetest"
)

// F2: no secret in a log line or an error, whatever goes wrong.
func TestNoSecretsInLogsOrErrors(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	book := &logBook{}
	client := newClient(r.server.URL, slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	said := ""
	for _, mood := range []outsidetest.Mood{
		{Kind: outsidetest.Fine}, stripetest.Decline("stolen_card"), stripetest.LateSuccess(), stripetest.StoredError(),
		stripetest.Locked(), {Kind: outsidetest.Garbage}, {Kind: outsidetest.CutMidBody}, {Kind: outsidetest.Status, Times: 3},
	} {
		require.NoError(t, r.Moods.Script(mood))
		got, err := client.Charge(t.Context(), request())
		if err != nil {
			said += err.Error()
		}
		if got.IntentID != "" {
			_, err = client.Read(t.Context(), got.IntentID)
			require.NoError(t, err)
		}
		r.Moods.Clear()
	}
	said += book.String()
	require.Contains(t, said, "outside call")
	for _, secret := range []string{apiKey, "sk_test", "_secret_", "Bearer", "pm_card"} {
		require.NotContains(t, said, secret)
	}
}

// Nothing is sent about this machine.
func TestNoTelemetry(t *testing.T) {
	var seen []http.Header
	r := newRig(t, stripetest.Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen = append(seen, req.Header.Clone())
		r.ServeHTTP(w, req)
	}))
	defer server.Close()
	client := newClient(server.URL, quiet)
	for range 2 { // the library would report the first call with the second
		_, err := client.Charge(t.Context(), request())
		require.NoError(t, err)
	}
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Len(t, seen, 2)
	for _, header := range seen {
		require.NotContains(t, header, "X-Stripe-Client-User-Agent")
		require.NotContains(t, header, "X-Stripe-Client-Telemetry")
		require.Equal(t, "quittance stripe-go/84.4.1", header.Get("User-Agent"))
		require.NotEmpty(t, header.Get("Stripe-Version"))
		for _, values := range header {
			for _, value := range values {
				require.NotContains(t, value, host)
			}
		}
	}
}
