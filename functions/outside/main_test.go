package outside_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// fast are options with short waits.
func fast() outside.Options {
	return outside.Options{
		System: "there", Logger: quiet(),
		WaitMin: time.Millisecond, WaitMax: 4 * time.Millisecond,
		AttemptTimeout: 150 * time.Millisecond, MinAttempt: 5 * time.Millisecond,
	}
}

// serve runs a handler in memory, with moods round it.
func serve(t *testing.T, h http.HandlerFunc) (*outsidetest.Moods, http.RoundTripper) {
	t.Helper()
	moods := outsidetest.NewMoods()
	server := outsidetest.Listen(moods.Wrap(func(r *http.Request) string { return r.Method }, h))
	t.Cleanup(func() {
		moods.Close()
		require.NoError(t, server.Close())
	})
	return moods, server.Transport()
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
