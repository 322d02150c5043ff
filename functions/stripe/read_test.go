package stripe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
)

// Only "succeeded" with a charge is money, only what cannot change by itself is a refusal.
func TestRead_EveryStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		answer  string
		outcome stripe.Outcome // "" for unknown
		code    string
	}{
		"succeeded":                  {`{"id":"pi_1","status":"succeeded","amount_received":5,"currency":"eur","latest_charge":{"id":"ch_1","created":1}}`, stripe.Captured, ""},
		"succeeded, charge is an id": {`{"id":"pi_1","status":"succeeded","amount_received":5,"currency":"eur","latest_charge":"ch_1"}`, stripe.Captured, ""},
		"canceled":                   {`{"id":"pi_1","status":"canceled","cancellation_reason":"abandoned"}`, stripe.Refused, "canceled"},
		"declined":                   {`{"id":"pi_1","status":"requires_payment_method","last_payment_error":{"type":"card_error","code":"expired_card"}}`, stripe.Refused, "expired_card"},
		"declined, without codes":    {`{"id":"pi_1","status":"requires_payment_method","last_payment_error":{"type":"card_error"}}`, stripe.Refused, "card_error"},
		"never confirmed":            {`{"id":"pi_1","status":"requires_payment_method"}`, stripe.Pending, ""},
		"processing":                 {`{"id":"pi_1","status":"processing"}`, stripe.Pending, ""},
		"authorized, not captured":   {`{"id":"pi_1","status":"requires_capture"}`, stripe.Pending, ""},
		"a status of tomorrow":       {`{"id":"pi_1","status":"requires_patience"}`, stripe.Pending, ""},
		"succeeded without a charge": {`{"id":"pi_1","status":"succeeded","amount_received":5,"currency":"eur"}`, "", ""},
		"succeeded in no currency":   {`{"id":"pi_1","status":"succeeded","amount_received":5,"latest_charge":"ch_1"}`, "", ""},
		"half a króna":               {`{"id":"pi_1","status":"succeeded","amount_received":50,"currency":"isk","latest_charge":"ch_1"}`, "", ""},
		"no intent":                  {`{}`, "", ""},
		"a list":                     {`[]`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) }))
			defer server.Close()
			got, err := newClient(server.URL, quiet).Read(t.Context(), "pi_1")
			if tt.outcome == "" {
				var unknown *outside.Unknown
				require.ErrorAs(t, err, &unknown)
				require.Zero(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.outcome, got.Outcome)
			require.Equal(t, tt.outcome == stripe.Captured, got.ChargeID == "ch_1")
			if tt.code != "" {
				require.Equal(t, tt.code, got.Refusal.Code)
			} else {
				require.Nil(t, got.Refusal)
			}
		})
	}
}
