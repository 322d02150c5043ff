package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
	"quittance.dev/functions/pgtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(of string) string { return fn.DeriveID("api conformance", of) }
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return Function(), nil },
		Events: []events.Data{
			events.DepositRequested{OperationID: id("in"), AccountID: id("account"), AmountMinor: 9, Currency: "EUR"},
			events.WithdrawalRequested{OperationID: id("out"), AccountID: id("account"), AmountMinor: 9, Currency: "EUR"},
			events.ProcessorNotified{Processor: "stripe", NotificationID: "evt_1", ProcessorReference: "pi_1"},
		},
		AnyOrder: true,
	})
}

// TestB16_ARequestThatDiesIsSentAgain: whatever point it dies at, the same key
// ends in one operation and one command.
func TestB16_ARequestThatDiesIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before-commit", "after-commit", "before-reply"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			var armed atomic.Bool
			quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
			host := fn.NewHost(Function(), db.Pool(role), fn.Options{Logger: quiet, Failpoint: func(name string) error {
				if name == "api."+point && armed.CompareAndSwap(true, false) {
					return errors.New("died here")
				}
				return nil
			}})
			t.Cleanup(host.Close)
			issuer := identitytest.New(t)
			handler, err := New(Options{Host: host, Logger: quiet, Tokens: issuer.Verifier()})
			require.NoError(t, err)
			b := &bank{t: t, owner: db.Pool("")}
			token := issuer.Token("ada", identity.Customer)
			ask := func(path, body string) answer {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Idempotency-Key", "k")
				handler.ServeHTTP(w, r)
				return answer{w.Code, w.Header(), w.Body.String()}
			}
			customer := as[Customer](t, ask("/customers", ada), 201).CustomerID
			account := as[Account](t, ask("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"EUR"}`), 201).AccountID
			armed.Store(true)
			refused(t, ask("/deposit", movement(account, "5")), unavailable)
			operation := as[Accepted](t, ask("/deposit", movement(account, "5")), 200).OperationID
			require.Equal(t, 1, b.said("deposit.requested"))
			require.Equal(t, operation, one[string](b, `select id::text from banking.operation`))
		})
	}
}
