package stripe_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
)

// F17: an error that sticks to its key hides a charge; only the look-up shows it.
func TestFind_SettlesWhatTheKeyCannot(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	require.NoError(t, r.Moods.Script(stripetest.StoredError()))
	for range 3 {
		_, err := r.client.Charge(t.Context(), req)
		var unknown *outside.Unknown
		require.ErrorAs(t, err, &unknown)
	}
	got, err := r.client.Find(t.Context(), req.PaymentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, got.Outcome)
	require.Equal(t, req.PaymentID, got.PaymentID)
	require.Equal(t, req.AmountMinor, got.AmountMinor)
	require.Equal(t, 1, r.Books().Captured(req.PaymentID))
}

// F19: after the key's life a repetition would charge again; Find does not.
func TestFind_AfterTheKeyExpired(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.TimeoutAfter, Times: 3}))
	_, err := r.client.Charge(t.Context(), req)
	require.Error(t, err)
	require.NoError(t, r.ForgetKeys())
	got, err := r.client.Find(t.Context(), req.PaymentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, got.Outcome)

	_, err = r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, 2, r.Books().Captured(req.PaymentID), "the emulator really forgets, as Stripe may")
}

func TestFind_TheListAnswersWhatTheSearchDoesNotYet(t *testing.T) {
	r := newRig(t, stripetest.Config{SearchLag: time.Minute})
	wanted := request()
	_, err := r.client.Charge(t.Context(), wanted)
	require.NoError(t, err)
	for range 120 { // more than one page of others lie above it
		_, err := r.client.Charge(t.Context(), request())
		require.NoError(t, err)
	}
	got, err := r.client.Find(t.Context(), wanted.PaymentID)
	require.NoError(t, err)
	require.Equal(t, wanted.PaymentID, got.PaymentID)
	require.Equal(t, stripe.Captured, got.Outcome)
}

func TestFind_TheSearchAnswersWhatIsOld(t *testing.T) {
	dayAgo := &outsidetest.Clock{Source: func() time.Time { return time.Now().Add(-24 * time.Hour) }}
	r := newRig(t, stripetest.Config{Clock: dayAgo})
	req := request()
	_, err := r.client.Charge(t.Context(), req)
	require.NoError(t, err)
	got, err := r.client.Find(t.Context(), req.PaymentID)
	require.NoError(t, err)
	require.Equal(t, stripe.Captured, got.Outcome)
}

func TestFind_CapturedOutweighsPendingOutweighsRefused(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	req := request()
	for _, step := range []struct {
		mood outsidetest.Mood
		want stripe.Outcome
	}{
		{stripetest.Decline("do_not_honor"), stripe.Refused},
		{stripetest.LateSuccess(), stripe.Pending},
		{outsidetest.Mood{Kind: outsidetest.Fine}, stripe.Captured},
		{stripetest.Decline("do_not_honor"), stripe.Captured},
	} {
		require.NoError(t, r.Moods.Script(step.mood))
		req.Key += "+"
		_, err := r.client.Charge(t.Context(), req)
		require.NoError(t, err)
		got, err := r.client.Find(t.Context(), req.PaymentID)
		require.NoError(t, err)
		require.Equal(t, step.want, got.Outcome)
	}
}

// F20: nothing there is ErrNotFound, trouble is unknown; the two never mix.
func TestFind_NothingThere(t *testing.T) {
	r := newRig(t, stripetest.Config{})
	_, err := r.client.Find(t.Context(), "pay-absent")
	require.ErrorIs(t, err, stripe.ErrNotFound)
	_, err = r.client.Find(t.Context(), "x' OR metadata['payment_id']:'y")
	require.ErrorIs(t, err, stripe.ErrNotFound)
	for _, id := range []string{"pi_absent", "", "../payment_intents", "a b", "a?b=c"} {
		_, err = r.client.Read(t.Context(), id)
		require.ErrorIs(t, err, stripe.ErrNotFound, id)
	}
	for _, op := range []string{"search", "list"} {
		require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Op: op, Times: 3}))
		_, err = r.client.Find(t.Context(), "pay-absent")
		var unknown *outside.Unknown
		require.ErrorAs(t, err, &unknown, op)
		require.NotErrorIs(t, err, stripe.ErrNotFound)
	}
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.Garbage, Op: "read"}))
	_, err = r.client.Read(t.Context(), "pi_absent")
	require.NotErrorIs(t, err, stripe.ErrNotFound)
	require.Error(t, err)
}
