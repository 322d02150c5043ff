package stripe_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
)

// inbox is our side of the webhooks: it verifies and keeps what it is told.
type inbox struct {
	*httptest.Server
	told chan stripe.Notification
	busy chan struct{} // each token makes it answer 503 once
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{told: make(chan stripe.Notification, 100), busy: make(chan struct{}, 100)}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-in.busy:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
		}
		body, _ := io.ReadAll(r.Body)
		n, err := stripe.VerifyWebhook(body, r.Header.Get("Stripe-Signature"), time.Now(), outside.Literal(webhookSecret))
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		in.told <- n
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) next(t *testing.T) stripe.Notification {
	t.Helper()
	select {
	case n := <-in.told:
		return n
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no webhook")
		return stripe.Notification{}
	}
}

func TestLate_SucceedsWhenTold(t *testing.T) {
	in := newInbox(t)
	r := newRig(t, stripetest.Config{WebhookURL: in.URL, WebhookSecret: webhookSecret})
	req := request()
	require.NoError(t, r.Moods.Script(stripetest.LateSuccess()))
	got, err := r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, stripe.Pending, got.Outcome)
	require.Equal(t, stripe.StatusProcessing, got.Status)
	require.Equal(t, "payment_intent.processing", in.next(t).Type)

	require.NoError(t, r.Settle(got.IntentID, ""))
	n := in.next(t)
	require.Equal(t, "payment_intent.succeeded", n.Type)
	require.Equal(t, got.IntentID, n.IntentID)
	require.Equal(t, req.PaymentID, n.PaymentID)
	require.Equal(t, stripe.StatusSucceeded, n.Status)
	read, err := r.client.Read(t.Context(), got.IntentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, read.Outcome)
	require.Equal(t, 1, r.Books().Captured(req.PaymentID))
	require.Error(t, r.Settle(got.IntentID, "do_not_honor"), "a captured payment stays captured")
}

// D10, F22: by itself after a while; and a success after a failure.
func TestLate_ByItself(t *testing.T) {
	in := newInbox(t)
	r := newRig(t, stripetest.Config{WebhookURL: in.URL, WebhookSecret: webhookSecret, SettleAfter: 20 * time.Millisecond})
	require.NoError(t, r.Moods.Script(stripetest.LateFailure()))
	got, err := r.client.Charge(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, stripe.Pending, got.Outcome)
	require.Equal(t, "payment_intent.processing", in.next(t).Type)
	require.Equal(t, "payment_intent.payment_failed", in.next(t).Type)
	read, err := r.client.Read(t.Context(), got.IntentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Refused, read.Outcome)
	require.Equal(t, "insufficient_funds", read.Refusal.Code)

	require.NoError(t, r.Settle(got.IntentID, ""))
	require.Equal(t, "payment_intent.succeeded", in.next(t).Type)
	read, err = r.client.Read(t.Context(), got.IntentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, read.Outcome)
}

// F24: duplicated, out of order, and late because we were not there.
func TestWebhooks_DuplicatedReorderedRetried(t *testing.T) {
	in := newInbox(t)
	r := newRig(t, stripetest.Config{WebhookURL: in.URL, WebhookSecret: webhookSecret, RetryMin: time.Millisecond})
	r.SetDelivery(stripetest.Delivery{Hold: true})
	require.NoError(t, r.Moods.Script(stripetest.LateSuccess()))
	got, err := r.client.Charge(t.Context(), request())
	require.NoError(t, err)
	n, err := r.SettleAll()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for range 3 {
		in.busy <- struct{}{}
	}
	r.SetDelivery(stripetest.Delivery{Copies: 2, Reverse: true})
	ids := map[string]int{}
	var types []string
	for len(types) < 4 {
		told := in.next(t)
		require.Equal(t, got.IntentID, told.IntentID)
		ids[told.EventID]++
		types = append(types, told.Type)
	}
	require.Len(t, ids, 2)
	require.Contains(t, types, "payment_intent.processing")
	for id, times := range ids {
		require.Equal(t, 2, times)
		require.NoError(t, r.Resend(id))
		require.Equal(t, id, in.next(t).EventID)
	}
}

// The books, the keys and what is still to be sent survive kill -9: a second emulator opens the
// same book while the first has not closed it.
func TestEmulator_SurvivesItsDeath(t *testing.T) {
	in := newInbox(t)
	path := filepath.Join(t.TempDir(), "book")
	first := newRig(t, stripetest.Config{Path: path})
	req, late := request(), request()
	captured, err := first.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.NoError(t, first.Moods.Script(stripetest.LateSuccess()))
	pending, err := first.client.Charge(t.Context(), late)
	require.NoError(t, err)

	second := newRig(t, stripetest.Config{Path: path, WebhookURL: in.URL, WebhookSecret: webhookSecret})
	require.Equal(t, first.Books().Intents, second.Books().Intents)
	require.Equal(t, first.Books().Charges, second.Books().Charges)
	again, err := second.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, captured, again)
	require.Equal(t, captured.IntentID, in.next(t).IntentID, "what was not delivered is")
	require.Equal(t, pending.IntentID, in.next(t).IntentID)
	require.NoError(t, second.Settle(pending.IntentID, ""))
	require.Equal(t, "payment_intent.succeeded", in.next(t).Type)
	require.Len(t, second.Books().Charges, 2)
}

// An operator drives the emulator over HTTP as a test does in Go.
func TestEmulator_Admin(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	status, _ := do("POST", "/moods/script", `[{"kind":"refuse","op":"charge","code":"late_success"}]`)
	require.Equal(t, http.StatusNoContent, status)
	req := request()
	got, err := r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, stripe.Pending, got.Outcome)
	status, _ = do("POST", "/settle", `{"intent":"`+got.IntentID+`"}`)
	require.Equal(t, http.StatusNoContent, status)
	status, _ = do("POST", "/settle", `{"intent":"`+got.IntentID+`"}`)
	require.Equal(t, http.StatusConflict, status)
	status, _ = do("PUT", "/webhooks", `{"hold":true}`)
	require.Equal(t, http.StatusNoContent, status)
	status, _ = do("DELETE", "/keys", "")
	require.Equal(t, http.StatusNoContent, status)
	status, body := do("GET", "/books", "")
	require.Equal(t, http.StatusOK, status)
	var books stripetest.Books
	require.NoError(t, json.Unmarshal([]byte(body), &books))
	require.Equal(t, 1, books.Captured(req.PaymentID))
}
