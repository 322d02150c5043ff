package notify

import (
	"time"

	"quittance.dev/functions/notification"
)

// rule is how a kind of news reaches the customer.
type rule struct {
	channels []notification.Channel
	ttl      time.Duration // 0: the configured one
}

// documentTTL is for what a customer should have in writing even after a long
// outage.
const documentTTL = 72 * time.Hour

// ruleFor is the policy, one line per kind.
func ruleFor(kind notification.Kind) rule {
	switch kind {
	case notification.AccountClosed, notification.ReceiptIssued:
		return rule{[]notification.Channel{notification.Email}, documentTTL}
	case notification.DepositCompleted, notification.WithdrawalCompleted, notification.WithdrawalRejected:
		return rule{[]notification.Channel{notification.SMS}, 0}
	}
	return rule{}
}

// step is what to do with a notification that is to be sent.
type step int

const (
	leave  step = iota // it is finished
	send               // claim it and send it
	resend             // it is claimed: send it again, the same message under the same key
	park               // nobody knows whether it went out, and it must not go out twice
	expire             // too late
)

// decide is what to do with n at the instant now. resendable says whether the
// other side can tell a second copy from a new message, so long after the
// first; inDoubt is the policy for when it cannot.
func decide(n notification.Notification, now time.Time, resendable func(age time.Duration) bool, inDoubt InDoubt) step {
	late := !now.Before(n.ExpiresAt)
	switch n.State {
	case notification.Pending:
		if late {
			return expire
		}
		return send
	case notification.Sending:
		if !late && (resendable(now.Sub(n.ClaimedAt)) || inDoubt == Resend) {
			return resend
		}
		return park
	default:
		return leave
	}
}
