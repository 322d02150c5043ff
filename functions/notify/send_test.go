package notify_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/outside/outsidetest"
)

var errDied = errors.New("the process died here")

// dyingAt fails once, at a point of the function.
func dyingAt(point string) func(string) error {
	var passed atomic.Bool
	return func(p string) error {
		if p == notify.Name+"."+point && passed.CompareAndSwap(false, true) {
			return errDied
		}
		return nil
	}
}

// TestA07_A21_FiftyClosingsAtOnceAreOneMail delivers account.closed fifty times
// at once, half of them under ids of their own, and then every request to send
// twenty times at once.
func TestA07_A21_FiftyClosingsAtOnceAreOneMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	closed := fntest.Event(w.closed())
	var wg sync.WaitGroup
	for i := range 50 {
		e := closed
		if i%2 == 1 {
			e.ID = uuid.NewString()
		}
		wg.Go(func() { w.door.Post(t, e) })
	}
	wg.Wait()
	require.Empty(t, w.mails(), "nothing goes out before it is claimed")
	requested := w.requested()
	require.Len(t, requested, 1)
	for range 20 {
		wg.Go(func() { w.door.Post(t, requested[0]) })
	}
	wg.Wait()
	require.Equal(t, []int{http.StatusOK}, w.send())

	require.Len(t, w.mails(), 1)
	got := w.only()
	require.Equal(t, row{Kind: "account.closed", Channel: "email", State: "sent", ProviderID: w.mails()[0].ID, Claimed: true, Sent: true}, got)
	require.Equal(t, map[events.Type]int{events.TypeNotificationSent: 1}, w.said())
}

// TestF21_AGatewayThatKnowsKeysDeliversExactlyOnce lets the process die, or the
// answer be lost, at the worst moments.
func TestF21_AGatewayThatKnowsKeysDeliversExactlyOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		point string
		mood  outsidetest.Kind
	}{
		"dies before the call":          {point: "before-call"},
		"dies after the call":           {point: "after-call"},
		"dies before the mark commits":  {point: "before-reply"},
		"the answer times out":          {mood: outsidetest.TimeoutAfter},
		"the line is cut, undelivered":  {mood: outsidetest.CutBefore},
		"the line is cut, delivered":    {mood: outsidetest.CutAfter},
		"an error after it is done":     {mood: outsidetest.StatusAfter},
		"an answer nobody can read":     {mood: outsidetest.Garbage},
		"turned away, certainly unsent": {mood: outsidetest.TooMany},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{}
			if c.point != "" {
				o.failpoint = dyingAt(c.point)
			}
			w := newWorld(t, o)
			status, _ := w.door.Post(t, fntest.Event(w.closed()))
			if status != http.StatusOK {
				w.hear(http.StatusOK, w.closed())
			}
			if c.mood != "" {
				w.mood(outsidetest.Mood{Kind: c.mood})
			}
			require.Eventually(t, func() bool { return w.send()[0] == http.StatusOK }, 10*time.Second, 20*time.Millisecond)
			require.Len(t, w.mails(), 1)
			require.Equal(t, "sent", w.only().State)
			require.Equal(t, map[events.Type]int{events.TypeNotificationSent: 1}, w.said())
		})
	}
}

// TestF21_AMailServerParksWhatIsInDoubt: at most one mail, and a person is told.
func TestF21_AMailServerParksWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		point     string
		mood      outsidetest.Kind
		delivered int
	}{
		"dies before the call":         {point: "before-call"},
		"dies after the call":          {point: "after-call", delivered: 1},
		"the line is cut, undelivered": {mood: outsidetest.CutBefore},
		"the line is cut, delivered":   {mood: outsidetest.CutAfter, delivered: 1},
		"the answer times out":         {mood: outsidetest.TimeoutAfter, delivered: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{smtp: true}
			if c.point != "" {
				o.failpoint = dyingAt(c.point)
			}
			w := newWorld(t, o)
			w.hear(http.StatusOK, w.closed())
			if c.mood != "" {
				w.mood(outsidetest.Mood{Kind: c.mood})
			}
			require.Eventually(t, func() bool { return w.send()[0] == http.StatusOK }, 10*time.Second, 20*time.Millisecond)
			w.send()
			require.Len(t, w.mails(), c.delivered)
			got := w.only()
			require.Equal(t, "parked", got.State)
			require.Contains(t, got.LastError, "Nobody knows whether it was sent")
			require.Equal(t, map[events.Type]int{events.TypeNotificationFailed: 1}, w.said())
			require.Contains(t, w.logs.String(), "notification parked")
		})
	}
}

// TestF21_AMailServerSendsAgainIfConfigured: at least one mail, and copies can
// be known by their Message-ID.
func TestF21_AMailServerSendsAgainIfConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		point     string
		mood      outsidetest.Kind
		delivered int
	}{
		"dies before the call":       {point: "before-call", delivered: 1},
		"dies after the call":        {point: "after-call", delivered: 2},
		"the line is cut, delivered": {mood: outsidetest.CutAfter, delivered: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{smtp: true, config: notify.Config{InDoubt: notify.Resend}}
			if c.point != "" {
				o.failpoint = dyingAt(c.point)
			}
			w := newWorld(t, o)
			w.hear(http.StatusOK, w.closed())
			if c.mood != "" {
				w.mood(outsidetest.Mood{Kind: c.mood})
			}
			require.Eventually(t, func() bool { return w.send()[0] == http.StatusOK }, 10*time.Second, 20*time.Millisecond)
			mails := w.mails()
			require.Len(t, mails, c.delivered)
			require.Equal(t, mails[0].MessageID, mails[len(mails)-1].MessageID)
			require.Equal(t, "sent", w.only().State)
		})
	}
}

// TestWhatCertainlyDidNotGoOutIsNotInDoubt: the claim is taken back, and the
// message goes out once the server takes it, however often it did not.
func TestWhatCertainlyDidNotGoOutIsNotInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{smtp: true})
	w.hear(http.StatusOK, w.closed())
	w.mood(outsidetest.Mood{Kind: outsidetest.Status, Times: 4})
	for try := range 4 {
		want := http.StatusServiceUnavailable
		if try >= 2 {
			want = http.StatusOK // the kernel has set a due time of its own
		}
		require.Equal(t, []int{want}, w.send(), "try %d", try)
		require.Equal(t, row{Kind: "account.closed", Channel: "email", State: "pending"}, w.only())
		require.Empty(t, w.said())
	}
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Len(t, w.mails(), 1)
	require.Equal(t, "sent", w.only().State)
	require.Equal(t, map[events.Type]int{events.TypeNotificationSent: 1}, w.said())
}

func TestARefusalIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.hear(http.StatusOK, w.closed())
	w.mood(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "validation_error"})
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Empty(t, w.mails())
	got := w.only()
	require.Equal(t, "failed", got.State)
	require.Contains(t, got.LastError, "validation_error")
	require.Equal(t, map[events.Type]int{events.TypeNotificationFailed: 1}, w.said())
}

// TestAKeyOutlivedIsNotUsedAgain: past the key's life the gateway would deliver
// a second copy.
func TestAKeyOutlivedIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.hear(http.StatusOK, w.closed())
	w.mood(outsidetest.Mood{Kind: outsidetest.TimeoutAfter})
	require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
	exec(t, w.owner, "update notification.notification set claimed_at = claimed_at - interval '24 hours'")
	w.gateway.ForgetKeys()
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Len(t, w.mails(), 1)
	require.Equal(t, "parked", w.only().State)
}

// TestAnotherBodyUnderTheSameKeyIsParked: the customer moved between two
// attempts.
func TestAnotherBodyUnderTheSameKeyIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.hear(http.StatusOK, w.closed())
	w.mood(outsidetest.Mood{Kind: outsidetest.TimeoutAfter})
	require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
	exec(t, w.owner, "update accounts.customer set email = 'elsewhere@canary.example'")
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Len(t, w.mails(), 1)
	require.Equal(t, "parked", w.only().State)
	require.Equal(t, map[events.Type]int{events.TypeNotificationFailed: 1}, w.said())
}

// TestD17_AMessageExpires: kept while it is worth sending, then not sent, and
// said so.
func TestD17_AMessageExpires(t *testing.T) {
	t.Parallel()
	t.Run("nobody tried", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.closed())
		exec(t, w.owner, "update notification.notification set expires_at = now() - interval '1 second'")
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Empty(t, w.mails())
		require.Equal(t, "expired", w.only().State)
		require.Equal(t, map[events.Type]int{events.TypeNotificationExpired: 1}, w.said())
	})
	t.Run("every try certainly failed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.closed())
		w.mood(outsidetest.Mood{Kind: outsidetest.TooMany})
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		exec(t, w.owner, "update notification.notification set expires_at = now() - interval '1 second'")
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Empty(t, w.mails())
		require.Equal(t, "expired", w.only().State)
	})
	t.Run("a try is in doubt", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.closed())
		w.mood(outsidetest.Mood{Kind: outsidetest.TimeoutAfter})
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		exec(t, w.owner, "update notification.notification set expires_at = now() - interval '1 second'")
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Len(t, w.mails(), 1)
		require.Equal(t, "parked", w.only().State, "it may have arrived, so it has not expired")
	})
	t.Run("a try is in doubt, a later one certainly failed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{})
		w.hear(http.StatusOK, w.closed())
		w.mood(outsidetest.Mood{Kind: outsidetest.TimeoutAfter}, outsidetest.Mood{Kind: outsidetest.TooMany})
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, []int{http.StatusServiceUnavailable}, w.send())
		require.Equal(t, "sending", w.only().State)
		exec(t, w.owner, "update notification.notification set expires_at = now() - interval '1 second'")
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Len(t, w.mails(), 1)
		require.Equal(t, "parked", w.only().State, "the second try takes nothing back that the first has done")
	})
	t.Run("down for an hour, then all are sent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, options{config: notify.Config{TTL: 2 * time.Hour}})
		for range 5 {
			w.hear(http.StatusOK, w.paidIn())
		}
		exec(t, w.owner, "update notification.notification set created_at = created_at - interval '1 hour', expires_at = expires_at - interval '1 hour'")
		require.Equal(t, []int{200, 200, 200, 200, 200}, w.send())
		require.Len(t, w.sms.Texts(), 5)
	})
}

func TestACustomerWithoutAPhoneIsNotTextedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	exec(t, w.owner, "update accounts.customer set phone = ''")
	w.hear(http.StatusOK, w.paidIn())
	require.Equal(t, []int{http.StatusOK}, w.send())
	require.Equal(t, row{Kind: "deposit.completed", Channel: "sms", State: "failed", LastError: "The customer has no address for it"}, w.only())
}

// TestAnAddressThatIsNoneIsRefusedHere: a line break in an address writes no
// header.
func TestAnAddressThatIsNoneIsRefusedHere(t *testing.T) {
	t.Parallel()
	for _, smtp := range []bool{false, true} {
		w := newWorld(t, options{smtp: smtp})
		exec(t, w.owner, "update accounts.customer set email = $1", "x@y.example\r\nBcc: z@y.example")
		w.hear(http.StatusOK, w.closed())
		require.Equal(t, []int{http.StatusOK}, w.send())
		require.Empty(t, w.mails())
		require.Equal(t, "failed", w.only().State)
		require.False(t, strings.Contains(w.only().LastError, "y.example"))
	}
}
