package closuretest

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/externale"
	"quittance.dev/functions/externale/externaletest"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

// Outside is Mambu and E as emulators, with the clients that reach them. Their
// books share a clock, so that they can be put in order.
type Outside struct {
	Mambu       *mambutest.Emulator
	MambuClient *mambu.Client
	E           *externaletest.Emulator
	EClient     *externale.Client
}

// attemptTimeout is short, so that a held line costs a test little.
const attemptTimeout = 500 * time.Millisecond

// NewOutside starts both. The clients make one attempt per call, so that a
// test's script of moods is one of deliveries, and log to logger, which may be
// nil.
func NewOutside(t testing.TB, logger *slog.Logger) *Outside {
	t.Helper()
	if logger == nil {
		logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	clock := new(outsidetest.Clock)
	m, err := mambutest.New(mambutest.Options{APIKey: "key-of-the-test", Clock: clock})
	require.NoError(t, err)
	e, err := externaletest.New(externaletest.Options{Tokens: []string{"token-of-the-test"}, Clock: clock})
	require.NoError(t, err)
	mServer, eServer := outsidetest.Listen(m), outsidetest.Listen(e)
	t.Cleanup(func() {
		require.NoError(t, m.Close())
		require.NoError(t, e.Close())
		require.NoError(t, mServer.Close())
		require.NoError(t, eServer.Close())
	})
	options := func(s *outsidetest.Server) outside.Options {
		return outside.Options{Transport: s.Transport(), Tries: 1, AttemptTimeout: attemptTimeout, Logger: logger}
	}
	return &Outside{
		Mambu: m, E: e,
		MambuClient: mambu.New(mambu.Config{
			BaseURL: "http://mambu.test/api", APIKey: outside.Literal("key-of-the-test"), HTTP: options(mServer),
		}),
		EClient: externale.New(externale.Config{
			BaseURL: "http://e.test", Token: outside.Literal("token-of-the-test"), HTTP: options(eServer),
		}),
	}
}

// Put makes an open, empty account in both systems.
func (o *Outside) Put(t testing.TB, accountID string) {
	t.Helper()
	require.NoError(t, o.Mambu.Put(mambutest.Account{ID: accountID}))
	require.NoError(t, o.E.Put(accountID))
}

// Attempts gives the calls of one operation that arrived in an emulator.
func Attempts(all []outsidetest.Attempt, op string) []outsidetest.Attempt {
	var some []outsidetest.Attempt
	for _, a := range all {
		if a.Op == op {
			some = append(some, a)
		}
	}
	return some
}
