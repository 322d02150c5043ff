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
	case notification.DepositCompleted, notification.WithdrawalCompleted, notification.WithdrawalRejected,
		notification.TransferSent, notification.TransferReceived, notification.BankDebited, notification.BankCredited:
		return rule{[]notification.Channel{notification.SMS}, 0}
	}
	return rule{}
}

// findFor is how long a message that is not found there may still be on its
// way.
const findFor = 10 * time.Minute

// step is what to do with a notification that is to be sent.
type step int

const (
	leave  step = iota // it is finished
	send               // claim it and send it
	resend             // it is claimed: send it again, the same message under the same key
	look               // it is claimed: ask the other side what became of it
	park               // nobody knows whether it went out, and it must not go out twice
	expire             // too late
)

// side is what the other side of a channel can do about a message in doubt.
type side struct {
	// resendable says whether it can tell a second copy from a new message, so
	// long after the first.
	resendable func(age time.Duration) bool
	// findable says that it can be asked.
	findable bool
}

// decide is what to do with n at the instant now. inDoubt is the policy where
// the other side can do nothing.
func decide(n notification.Notification, now time.Time, other side, inDoubt InDoubt) step {
	late := !now.Before(n.ExpiresAt)
	switch n.State {
	case notification.Pending:
		if late {
			return expire
		}
		return send
	case notification.Sending:
		switch {
		case !late && other.resendable(now.Sub(n.ClaimedAt)):
			return resend
		case other.findable:
			return look
		case !late && inDoubt == Resend:
			return resend
		}
		return park
	default:
		return leave
	}
}
