package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/notification"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/sms"
)

// Reasons of this room, besides a gateway's own.
const (
	inDoubtReason   events.Reason = "Nobody knows whether it was sent"
	noAddressReason events.Reason = "The customer has no address for it"
)

// message is what prepare freezes for the call.
type message struct {
	channel notification.Channel
	mail    mail.Message // of an e-mail
	text    sms.Message  // of a text message

	step  step      // send, resend or look
	since time.Time // it was first handed over; for look
	young bool      // it was handed over so lately that it need not be found yet
	late  bool      // its time is over: it is not sent any more
	// patient: an unknown outcome can be settled by another try later.
	patient bool
}

// outcome of a call that need not, or must not, simply be made again.
type outcome struct {
	providerID string           // sent
	refusal    *outside.Refusal // the other side will not take it
	notSent    error            // it certainly did not go out: take the claim back
	inDoubt    error            // nobody knows, and it must not go out twice
}

// prepare claims the notification and writes the message.
func (r room) prepare(ctx context.Context, tx fn.Tx, in fn.In[events.NotificationRequested]) (fn.Plan[message], error) {
	n, err := notification.Lock(ctx, tx, in.Data.NotificationID)
	if errors.Is(err, notification.ErrNotFound) {
		return fn.Done[message](), fn.Permanent(err)
	}
	if err != nil {
		return fn.Done[message](), err
	}
	other := r.side(n.Channel)
	next := decide(n, tx.Now(), other, r.config.InDoubt)
	switch next {
	case expire:
		return fn.Done[message](expired(n)), notification.Expire(ctx, tx, n.ID)
	case park:
		return fn.Done[message](failed(n, inDoubtReason)), r.park(ctx, tx, n, "an earlier attempt came to no end")
	case leave:
		return fn.Done[message](), nil
	case send, resend, look:
	}
	customer, err := accounts.FindCustomer(ctx, tx, n.CustomerID)
	if errors.Is(err, accounts.ErrNotFound) {
		return fn.Done[message](), fn.Permanent(fmt.Errorf("customer %s: %w", n.CustomerID, err))
	}
	if err != nil {
		return fn.Done[message](), err
	}
	switch {
	case addressOf(n.Channel, customer) != "":
	case n.State == notification.Sending:
		return fn.Done[message](failed(n, inDoubtReason)), r.park(ctx, tx, n, "the customer's address is gone")
	default:
		return fn.Done[message](failed(n, noAddressReason)), notification.Fail(ctx, tx, n.ID, string(noAddressReason))
	}
	m, err := r.write(ctx, tx, n, customer)
	if err != nil {
		return fn.Done[message](), err
	}
	age := age(n, tx.Now())
	m.channel, m.step, m.since = n.Channel, next, n.ClaimedAt
	m.young, m.late = age < findFor, !tx.Now().Before(n.ExpiresAt)
	m.patient = other.findable || other.resendable(age) || r.config.InDoubt == Resend
	if next == send {
		err = notification.Claim(ctx, tx, n.ID)
	}
	return fn.Call(m), err
}

// age is how long ago the notification was first handed over.
func age(n notification.Notification, now time.Time) time.Duration {
	if n.ClaimedAt.IsZero() {
		return 0
	}
	return now.Sub(n.ClaimedAt)
}

// side is what the other side of the channel can do.
func (r room) side(channel notification.Channel) side {
	if channel == notification.Email {
		return side{resendable: r.email.Resendable}
	}
	return side{resendable: func(time.Duration) bool { return false }, findable: true}
}

func addressOf(channel notification.Channel, c accounts.Customer) string {
	if channel == notification.Email {
		return c.Email
	}
	return c.Phone
}

// write makes the message from the row and what is looked up at this moment.
func (r room) write(ctx context.Context, tx fn.Tx, n notification.Notification, c accounts.Customer) (message, error) {
	subject, body, err := r.texts.write(n, c.Name)
	if err != nil {
		return message{}, fn.Permanent(err)
	}
	if n.Channel == notification.SMS {
		return message{text: sms.Message{Key: n.ID, To: c.Phone, Text: body}}, nil
	}
	m := mail.Message{Key: n.ID, From: r.config.From, To: []string{c.Email}, Subject: subject, Text: body}
	if n.Kind == notification.ReceiptIssued {
		receipt, err := invoicing.FindReceipt(ctx, tx, n.Content.InvoiceID)
		if errors.Is(err, invoicing.ErrReceiptNotFound) {
			err = fn.Permanent(fmt.Errorf("invoice %s: %w", n.Content.InvoiceID, err))
		}
		if err != nil {
			return message{}, err
		}
		m.Attachments = []mail.Attachment{{
			Filename: "receipt-" + receipt.FullNumber() + ".pdf", ContentType: "application/pdf", Content: receipt.PDF,
		}}
	}
	return message{mail: m}, nil
}

// call hands the message over, or asks what became of it.
func (r room) call(ctx context.Context, m message) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.SendTimeout)
	defer cancel()
	if m.step == look {
		return r.ask(ctx, m)
	}
	return r.handOver(ctx, m)
}

func (r room) handOver(ctx context.Context, m message) (outcome, error) {
	o, err := r.send(ctx, m)
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, mail.ErrKeyReused):
		return outcome{inDoubt: err}, nil
	case m.step == send && (errors.Is(err, mail.ErrNotSent) || errors.Is(err, sms.ErrNotSent)):
		return outcome{notSent: err}, nil
	case m.patient:
		return outcome{}, err
	default:
		return outcome{inDoubt: err}, nil
	}
}

func (r room) send(ctx context.Context, m message) (outcome, error) {
	if m.channel == notification.SMS {
		receipt, err := r.text.Send(ctx, m.text)
		return outcome{providerID: receipt.ProviderID, refusal: receipt.Refusal}, err
	}
	receipt, err := r.email.Send(ctx, m.mail)
	return outcome{providerID: receipt.ProviderID, refusal: receipt.Refusal}, err
}

// ask settles a doubt where the other side can be asked. What is found is
// certain; what is not found need not be unsent.
func (r room) ask(ctx context.Context, m message) (outcome, error) {
	receipt, err := r.text.Find(ctx, m.text, m.since)
	switch {
	case err == nil:
		return outcome{providerID: receipt.ProviderID, refusal: receipt.Refusal}, nil
	case m.late:
		return outcome{inDoubt: err}, nil
	case m.young, !errors.Is(err, sms.ErrNotFound):
		return outcome{}, err
	case r.config.InDoubt == Resend:
		m.step = resend
		return r.handOver(ctx, m)
	default:
		return outcome{inDoubt: err}, nil
	}
}

// settle records what became of it.
func (r room) settle(ctx context.Context, tx fn.Tx, in fn.In[events.NotificationRequested], m message, o outcome) ([]events.Data, error) {
	n, err := notification.Lock(ctx, tx, in.Data.NotificationID)
	switch {
	case err != nil:
		return nil, err
	case o.notSent != nil:
		if err := notification.TakeBack(ctx, tx, n.ID); err != nil {
			return nil, err
		}
		return nil, fn.Again(o.notSent)
	case o.inDoubt != nil:
		return []events.Data{failed(n, inDoubtReason)}, r.park(ctx, tx, n, o.inDoubt.Error())
	case o.refusal != nil && m.step != send && o.providerID == "" && !r.side(n.Channel).resendable(age(n, tx.Now())):
		// The second copy was refused; the first may have arrived.
		return []events.Data{failed(n, inDoubtReason)}, r.park(ctx, tx, n, o.refusal.String())
	case o.refusal != nil:
		why := short(o.refusal.String())
		tx.AfterCommit(func() { fn.Log(ctx).ErrorContext(ctx, "notification refused", "reason", why) })
		return []events.Data{failed(n, events.Reason(why))}, notification.Fail(ctx, tx, n.ID, why)
	}
	return []events.Data{sent(n)}, notification.Confirm(ctx, tx, n.ID, o.providerID)
}

func (r room) park(ctx context.Context, tx fn.Tx, n notification.Notification, why string) error {
	tx.AfterCommit(func() {
		fn.Log(ctx).ErrorContext(ctx, "notification parked: nobody knows whether it was sent", "reason", why)
	})
	return notification.Park(ctx, tx, n.ID, short(string(inDoubtReason)+": "+why))
}

// short keeps a reason within what an event may carry.
func short(reason string) string { return oneLine(reason[:min(len(reason), 200)]) }

func sent(n notification.Notification) events.Data {
	return events.NotificationSent{NotificationID: n.ID, Kind: string(n.Kind), SubjectID: n.SubjectID, Channel: string(n.Channel)}
}

func failed(n notification.Notification, why events.Reason) events.Data {
	return events.NotificationFailed{NotificationID: n.ID, Kind: string(n.Kind), SubjectID: n.SubjectID, Channel: string(n.Channel), Reason: why}
}

func expired(n notification.Notification) events.Data {
	return events.NotificationExpired{NotificationID: n.ID, Kind: string(n.Kind), SubjectID: n.SubjectID, Channel: string(n.Channel)}
}
