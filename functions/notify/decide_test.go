package notify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/notification"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	no := func(time.Duration) bool { return false }
	never, askable := side{resendable: no}, side{resendable: no, findable: true}
	forAnHour := side{resendable: func(age time.Duration) bool { return age < time.Hour }}
	for name, c := range map[string]struct {
		state   notification.State
		expires time.Duration // from now
		claimed time.Duration // before now
		other   side
		inDoubt InDoubt
		want    step
	}{
		"new":                                     {notification.Pending, time.Minute, 0, never, Park, send},
		"at the end of its time":                  {notification.Pending, 0, 0, forAnHour, Resend, expire},
		"past its time":                           {notification.Pending, -time.Minute, 0, never, Park, expire},
		"in doubt, the key lives":                 {notification.Sending, time.Minute, time.Minute, forAnHour, Park, resend},
		"in doubt, the key is dead":               {notification.Sending, time.Minute, time.Hour, forAnHour, Park, park},
		"in doubt, the key is dead, may double":   {notification.Sending, time.Minute, time.Hour, forAnHour, Resend, resend},
		"in doubt, no keys":                       {notification.Sending, time.Minute, 0, never, Park, park},
		"in doubt, no keys, may double":           {notification.Sending, time.Minute, 0, never, Resend, resend},
		"in doubt past its time":                  {notification.Sending, -time.Minute, time.Minute, forAnHour, Park, park},
		"in doubt past its time, may double":      {notification.Sending, -time.Minute, time.Minute, never, Resend, park},
		"in doubt, it can be asked":               {notification.Sending, time.Minute, time.Minute, askable, Park, look},
		"in doubt, it can be asked, may double":   {notification.Sending, time.Minute, time.Hour, askable, Resend, look},
		"in doubt past its time, it can be asked": {notification.Sending, -time.Minute, time.Hour, askable, Park, look},
		"new, it can be asked":                    {notification.Pending, time.Minute, 0, askable, Park, send},
		"sent":                                    {notification.Sent, -time.Hour, time.Hour, forAnHour, Resend, leave},
		"failed":                                  {notification.Failed, time.Hour, 0, forAnHour, Resend, leave},
		"parked":                                  {notification.Parked, time.Hour, 0, forAnHour, Resend, leave},
		"expired":                                 {notification.Expired, -time.Hour, 0, forAnHour, Resend, leave},
		"a state that this build does not know":   {"queued", time.Hour, 0, forAnHour, Resend, leave},
	} {
		got := decide(notification.Notification{
			State: c.state, ExpiresAt: now.Add(c.expires), ClaimedAt: now.Add(-c.claimed),
		}, now, c.other, c.inDoubt)
		require.Equal(t, c.want, got, name)
	}
}

func TestEveryKindHasAChannelAndATextForIt(t *testing.T) {
	t.Parallel()
	texts := newTexts()
	for _, kind := range notification.Kinds() {
		rule := ruleFor(kind)
		require.NotEmpty(t, rule.channels, kind)
		for _, channel := range rule.channels {
			_, body, err := texts.write(notification.Notification{Kind: kind, Channel: channel, Content: notification.Content{Currency: "EUR"}}, "Ada")
			require.NoError(t, err)
			require.NotEmpty(t, body, "%s by %s", kind, channel)
		}
	}
	require.Empty(t, ruleFor("account.opened").channels)
	_, _, err := texts.write(notification.Notification{Kind: "account.opened", Channel: notification.Email}, "Ada")
	require.Error(t, err)
}

// TestReasonsFitAnEvent: a long reason of the other side is cut, not refused.
func TestReasonsFitAnEvent(t *testing.T) {
	t.Parallel()
	long := ""
	for len(long) < 400 {
		long += "ä\r\n"
	}
	n := notification.Notification{ID: notification.ID(notification.AccountClosed, "x", notification.Email),
		Kind: notification.AccountClosed, SubjectID: "7b0f7a3e-56a5-4f6f-9a55-0d5c5b0b9e11", Channel: notification.Email}
	require.NoError(t, failed(n, events.Reason(short(long))).Validate())
	require.NotContains(t, short(long), "\n")
}
