package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/outside/outsidetest"
)

func (w *world) smsMood(moods ...outsidetest.Mood) {
	w.t.Helper()
	require.NoError(w.t, w.sms.Moods.Script(moods...))
}

// older moves the standing claim into the past.
func (w *world) older(by time.Duration) {
	w.t.Helper()
	exec(w.t, w.owner, "update notification.notification set claimed_at = claimed_at - $1::interval", by)
}

// TestATextThatWentOutIsFound: whatever hid the answer, it is not sent again.
func TestATextThatWentOutIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		point string
		mood  outsidetest.Kind
	}{
		"dies after the call":       {point: "after-call"},
		"the answer times out":      {mood: outsidetest.TimeoutAfter},
		"the line is cut":           {mood: outsidetest.CutAfter},
		"an error after it is done": {mood: outsidetest.StatusAfter},
		"an answer nobody can read": {mood: outsidetest.Garbage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{}
			if c.point != "" {
				o.failpoint = dyingAt(c.point)
			}
			w := newWorld(t, o)
			w.hear(http.StatusOK, w.paidIn())
			if c.mood != "" {
				w.smsMood(outsidetest.Mood{Kind: c.mood})
			}
			require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
			require.Equal(t, "sending", w.only().State)
			require.Equal(t, []int{http.StatusOK}, w.send())
			require.Len(t, w.sms.Texts(), 1)
			require.Equal(t, row{Kind: "deposit.completed", Channel: "sms", State: "sent", ProviderID: w.sms.Texts()[0].SID, Claimed: true, Sent: true}, w.only())
			require.Equal(t, map[events.Type]int{events.TypeNotificationSent: 1}, w.said())
		})
	}
}

// TestF20_ATextThatIsNotFoundIsLookedForAWhile: not found is not unsent.
func TestF20_ATextThatIsNotFoundIsLookedForAWhile(t *testing.T) {
	t.Parallel()
	lost := func(t *testing.T, c notify.Config) *world {
		t.Helper()
		w := newWorld(t, options{config: c})
		w.hear(http.StatusOK, w.paidIn())
		w.smsMood(outsidetest.Mood{Kind: outsidetest.CutBefore})
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, "sending", w.only().State)
		require.Empty(t, w.said())
		return w
	}
	t.Run("then parked", func(t *testing.T) {
		t.Parallel()
		w := lost(t, notify.Config{})
		w.older(11 * time.Minute)
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Empty(t, w.sms.Texts())
		require.Equal(t, "parked", w.only().State)
		require.Equal(t, map[events.Type]int{events.TypeNotificationFailed: 1}, w.said())
	})
	t.Run("then sent again, if configured", func(t *testing.T) {
		t.Parallel()
		w := lost(t, notify.Config{InDoubt: notify.Resend})
		w.older(11 * time.Minute)
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Len(t, w.sms.Texts(), 1)
		require.Equal(t, "sent", w.only().State)
	})
	t.Run("parked at the end of its time", func(t *testing.T) {
		t.Parallel()
		w := lost(t, notify.Config{InDoubt: notify.Resend})
		exec(t, w.owner, "update notification.notification set expires_at = now() - interval '1 second'")
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Empty(t, w.sms.Texts())
		require.Equal(t, "parked", w.only().State)
	})
	t.Run("nobody answers the question", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.paidIn())
		w.smsMood(outsidetest.Mood{Kind: outsidetest.CutBefore}, outsidetest.Mood{Kind: outsidetest.Status})
		w.send()
		w.older(11 * time.Minute)
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, "sending", w.only().State, "no answer is no reason to give up")
	})
}

func TestATextThatWasRefusedOrNeverLeft(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.paidIn())
		w.smsMood(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "21610"})
		require.Equal(t, []int{http.StatusOK}, w.send())
		got := w.only()
		require.Equal(t, "failed", got.State)
		require.Contains(t, got.LastError, "21610")
	})
	t.Run("found, and undeliverable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.paidIn())
		w.smsMood(outsidetest.Mood{Kind: outsidetest.CutAfter})
		w.send()
		require.NoError(t, w.sms.Settle(w.sms.Texts()[0].SID, "undelivered", 30003))
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Equal(t, "failed", w.only().State)
	})
	t.Run("turned away at the door", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.paidIn())
		w.smsMood(outsidetest.Mood{Kind: outsidetest.TooMany})
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, "pending", w.only().State)
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Len(t, w.sms.Texts(), 1)
		require.Equal(t, "sent", w.only().State)
	})
}
