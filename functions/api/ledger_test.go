package api

import (
	"log/slog"
	"net/http"
	"testing"

	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/fp"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgtest"
)

// ledgerDoor is the function ledger-posting on the API's database, and the way to
// it.
type ledgerDoor struct {
	*fntest.Door
	caller *direct.Caller
	// between stands in for the network on the way there and back; nil is a good one.
	between func(next http.RoundTripper, r *http.Request) (*http.Response, error)
	network http.Transport
}

func openLedger(t testing.TB, db *pgtest.DB, logger *slog.Logger, hook fp.Hook) *ledgerDoor {
	t.Helper()
	l := &ledgerDoor{Door: fntest.Open(t, ledgerposting.New(), db.Pool("quittance_ledger_posting"), fn.Options{Logger: logger, Failpoint: hook})}
	l.network.MaxIdleConnsPerHost = 64
	t.Cleanup(l.network.CloseIdleConnections)
	l.caller = direct.New(direct.Options{
		Consumer: "ledger-posting", URL: l.URL, Keys: fntest.Keys.Ring(name), Transport: l, Logger: logger,
	})
	return l
}

// RoundTrip is for the caller.
func (l *ledgerDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.between != nil {
		return l.between(&l.network, r)
	}
	return l.network.RoundTrip(r)
}
