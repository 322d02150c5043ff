package stripe_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
)

func TestCharge_TestCards(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	for _, tt := range []struct {
		method  string
		outcome stripe.Outcome
		code    string
	}{
		{"pm_card_visa", stripe.Captured, ""},
		{"pm_card_mastercard", stripe.Captured, ""},
		{"pm_card_chargeDeclined", stripe.Refused, "generic_decline"},
		{"pm_card_visa_chargeDeclinedInsufficientFunds", stripe.Refused, "insufficient_funds"},
		{"pm_card_visa_chargeDeclinedLostCard", stripe.Refused, "lost_card"},
		{"pm_card_chargeDeclinedExpiredCard", stripe.Refused, "expired_card"},
		{"pm_card_chargeDeclinedProcessingError", stripe.Refused, "processing_error"},
		{"pm_card_authenticationRequired", stripe.Pending, ""},
		{"pm_usBankAccount_success", stripe.Pending, ""},
		{"pm_nobody_knows", stripe.Refused, "resource_missing"},
	} {
		t.Run(tt.method, func(t *testing.T) {
			req := request()
			req.PaymentMethod = tt.method
			first, err := r.client.Charge(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, tt.outcome, first.Outcome)
			require.Equal(t, req.PaymentID, first.PaymentID)
			if tt.code != "" {
				require.Equal(t, tt.code, first.Refusal.Code)
				require.Equal(t, "stripe", first.Refusal.System)
				require.NotEmpty(t, first.Refusal.Reason)
			} else {
				require.Nil(t, first.Refusal)
				require.NotEmpty(t, first.IntentID)
			}
			if tt.outcome == stripe.Captured {
				require.Equal(t, int64(12050), first.AmountMinor)
				require.Equal(t, "EUR", first.Currency)
				require.NotEmpty(t, first.ChargeID)
				require.WithinDuration(t, time.Now(), first.At, time.Minute)
			}
			again, err := r.client.Charge(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, first, again, "the same key gets the same answer")
			if first.IntentID != "" {
				read, err := r.client.Read(t.Context(), first.IntentID)
				require.NoError(t, err)
				require.Equal(t, first, read, "reading back says the same")
			}
		})
	}
}

// F16, F17, F18: whatever goes wrong, the same request again ends in one charge.
func TestCharge_EveryMood(t *testing.T) {
	t.Parallel()
	const all = 3 // as often as one call is attempted
	type kind = outsidetest.Kind
	mood := func(k kind, times int) outsidetest.Mood { return outsidetest.Mood{Kind: k, Op: "charge", Times: times} }
	times := func(m outsidetest.Mood, n int) outsidetest.Mood { m.Times = n; return m }
	for name, tt := range map[string]struct {
		mood    outsidetest.Mood
		unknown bool // the first call
	}{
		"500 once":                         {mood(outsidetest.Status, 1), false},
		"500 always":                       {mood(outsidetest.Status, all), true},
		"500 in Stripe's words":            {times(stripetest.ServerError(), all), true},
		"500 after it was done":            {mood(outsidetest.StatusAfter, 1), false},
		"502 after it was done, always":    {outsidetest.Mood{Kind: outsidetest.StatusAfter, Status: 502, Times: all}, true},
		"429 once":                         {mood(outsidetest.TooMany, 1), false},
		"429 always":                       {mood(outsidetest.TooMany, all), true},
		"429 in Stripe's words, always":    {times(stripetest.RateLimited(), all), true},
		"409 lock timeout":                 {stripetest.Locked(), true},
		"busy with the first attempt":      {outsidetest.Mood{Kind: outsidetest.Busy, Delay: outsidetest.Duration(400 * time.Millisecond)}, true},
		"409 key in use":                   {mood(outsidetest.InProgress, 1), true},
		"slow, within patience":            {outsidetest.Mood{Kind: outsidetest.Slow, Delay: outsidetest.Duration(50 * time.Millisecond)}, false},
		"slow, beyond patience, once":      {outsidetest.Mood{Kind: outsidetest.Slow, Delay: outsidetest.Duration(400 * time.Millisecond)}, false},
		"timeout before, once":             {mood(outsidetest.TimeoutBefore, 1), false},
		"timeout before, always":           {mood(outsidetest.TimeoutBefore, all), true},
		"timeout after success, once":      {mood(outsidetest.TimeoutAfter, 1), false},
		"timeout after success, always":    {mood(outsidetest.TimeoutAfter, all), true},
		"connection cut before, always":    {mood(outsidetest.CutBefore, all), true},
		"connection cut after, once":       {mood(outsidetest.CutAfter, 1), false},
		"connection cut after, always":     {mood(outsidetest.CutAfter, all), true},
		"connection cut in the answer":     {mood(outsidetest.CutMidBody, 1), true},
		"garbage":                          {mood(outsidetest.Garbage, 1), true},
		"an answer of 2 MiB":               {mood(outsidetest.Huge, 1), true},
		"a redirect, which nobody follows": {outsidetest.Mood{Kind: outsidetest.Redirect, Code: "http://127.0.0.1:1/"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, stripetest.Config{})
			req := request()
			require.NoError(t, r.Moods.Script(tt.mood))
			first, err := r.client.Charge(t.Context(), req)
			if tt.unknown {
				var unknown *outside.Unknown
				require.ErrorAs(t, err, &unknown)
				require.Equal(t, "charge", unknown.Op)
				require.Zero(t, first)
				require.Eventually(t, func() bool { // the first may still be under way there
					first, err = r.client.Charge(t.Context(), req)
					return err == nil
				}, 5*time.Second, 10*time.Millisecond)
			}
			require.NoError(t, err)
			require.Equal(t, stripe.Captured, first.Outcome)
			require.Equal(t, 1, r.Books().Captured(req.PaymentID))
			require.Len(t, r.Books().Charges, 1)
		})
	}
}

func TestCharge_DeclineMoodIsFinalForTheKey(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	require.NoError(t, r.Moods.Script(stripetest.Decline("do_not_honor")))
	for range 3 { // the mood is over after the first, the stored answer is not
		got, err := r.client.Charge(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, stripe.Refused, got.Outcome)
		require.Equal(t, "do_not_honor", got.Refusal.Code)
		require.Equal(t, stripe.StatusRequiresPaymentMethod, got.Status)
	}
	require.Zero(t, r.Books().Captured(req.PaymentID))
	require.Equal(t, 2, r.Books().Replays)
}

func TestCharge_RetryAfterReachesTheCaller(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	m := stripetest.RateLimited()
	m.RetryAfter = outsidetest.Duration(40 * time.Second) // longer than anybody waits inside a call
	require.NoError(t, r.Moods.Script(m))
	_, err := r.client.Charge(t.Context(), request())
	var unknown *outside.Unknown
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, 40*time.Second, unknown.RetryAfter)
}

// D08, promise 4: one payment is charged once, by the processor's own books.
func TestCharge_TwentyAtOnceChargeOnce(t *testing.T) {
	r := newRig(t, stripetest.Config{Path: filepath.Join(t.TempDir(), "book")})
	req := request()
	var gate sync.WaitGroup
	gate.Add(1)
	results := make(chan stripe.ChargeResult, 20)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			gate.Wait()
			for { // a conflict is unknown: the caller comes again with the same key
				got, err := r.client.Charge(t.Context(), req)
				if err == nil {
					results <- got
					return
				}
				var unknown *outside.Unknown
				if !errors.As(err, &unknown) || t.Context().Err() != nil {
					t.Errorf("charge: %v", err)
					return
				}
			}
		})
	}
	gate.Done()
	all.Wait()
	close(results)
	seen := map[string]int{}
	for got := range results {
		require.Equal(t, stripe.Captured, got.Outcome)
		seen[got.ChargeID]++
	}
	require.Len(t, seen, 1)
	require.Equal(t, 1, r.Books().Captured(req.PaymentID))
	require.Len(t, r.Books().Charges, 1)
	require.Len(t, r.Books().Intents, 1)
}

func TestCharge_KeyReusedForOtherParameters(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	_, err := r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	req.AmountMinor++
	_, err = r.client.Charge(t.Context(), req)
	require.ErrorIs(t, err, stripe.ErrKeyReused)
	var unknown *outside.Unknown
	require.ErrorAs(t, err, &unknown, "whether the first request charged is not known")
	require.Len(t, r.Books().Charges, 1)
}

func TestCharge_SenselessRequestsAreRefusedUnsent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	defer server.Close()
	client := newClient(server.URL, quiet)
	for name, change := range map[string]func(*stripe.ChargeRequest){
		"no key":              func(r *stripe.ChargeRequest) { r.Key = "" },
		"key too long":        func(r *stripe.ChargeRequest) { r.Key = string(make([]byte, 256)) },
		"key with spaces":     func(r *stripe.ChargeRequest) { r.Key = " a" },
		"no payment":          func(r *stripe.ChargeRequest) { r.PaymentID = "" },
		"payment with quotes": func(r *stripe.ChargeRequest) { r.PaymentID = "x' OR metadata['a']:'b" },
		"no method":           func(r *stripe.ChargeRequest) { r.PaymentMethod = "" },
		"zero":                func(r *stripe.ChargeRequest) { r.AmountMinor = 0 },
		"negative":            func(r *stripe.ChargeRequest) { r.AmountMinor = -1 },
		"currency in words":   func(r *stripe.ChargeRequest) { r.Currency = "euro" },
		"currency in lower":   func(r *stripe.ChargeRequest) { r.Currency = "eur" },
		"a third decimal":     func(r *stripe.ChargeRequest) { r.Currency, r.AmountMinor = "KWD", 1005 },
		"fifths":              func(r *stripe.ChargeRequest) { r.Currency = "MGA" },
	} {
		t.Run(name, func(t *testing.T) {
			req := request()
			change(&req)
			got, err := client.Charge(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, stripe.Refused, got.Outcome)
			require.Equal(t, "invalid_request", got.Refusal.Code)
		})
	}
}

func TestCharge_StripeRefusesAmount(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	req.AmountMinor = 100_000_000
	got, err := r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, stripe.Refused, got.Outcome)
	require.Equal(t, "amount_too_large", got.Refusal.Code)
	req.AmountMinor = 100 // nothing began, so the key is free
	got, err = r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, got.Outcome)
}

func TestCharge_CurrenciesThatStripeCountsDifferently(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	for currency, want := range map[string]struct{ ours, theirs int64 }{
		"EUR": {1999, 1999}, "JPY": {1999, 1999}, "ISK": {1999, 199900}, "UGX": {50, 5000}, "KWD": {1990, 1990},
	} {
		req := request()
		req.Currency, req.AmountMinor = currency, want.ours
		got, err := r.client.Charge(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, want.ours, got.AmountMinor, currency)
		require.Equal(t, currency, got.Currency)
		charges := r.Books().Charges
		require.Equal(t, want.theirs, charges[len(charges)-1].Amount, currency)
	}
}

func TestCharge_EndsWithItsContext(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.TimeoutBefore, Times: 9}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := r.client.Charge(ctx, request())
	var unknown *outside.Unknown
	require.ErrorAs(t, err, &unknown)
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestCharge_WrongKeyIsMisconfigured(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	for name, authorize := range map[string]func(*http.Request) error{
		"wrong":      outside.Bearer(outside.Literal("sk_test_other")),
		"unreadable": outside.Bearer(outside.FromFile(filepath.Join(t.TempDir(), "absent"))),
		"none":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			client := stripe.New(config.Stripe{BaseURL: r.server.URL, AllowPlainHTTP: true, AllowPrivateNetwork: true},
				outside.Options{Authorize: authorize, Logger: quiet})
			_, err := client.Charge(t.Context(), request())
			require.ErrorIs(t, err, outside.ErrMisconfigured)
			require.Empty(t, r.Books().Intents)
		})
	}
}
