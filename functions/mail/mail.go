package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

// Sender hands one mail over for delivery.
type Sender interface {
	// Send ends in one of three ways: confirmed, a Receipt with a ProviderID; refused, a Receipt
	// with a Refusal; or unknown, an error, which is always an *outside.Unknown. An error that
	// matches ErrNotSent is certain to have delivered nothing; one that matches
	// outside.ErrMisconfigured or ErrKeyReused is not mended by sending again.
	Send(ctx context.Context, m Message) (Receipt, error)

	// Resendable says whether a mail whose fate is unknown may be sent again, unchanged, without
	// the customer getting it twice. age is the time since it was first sent.
	Resendable(age time.Duration) bool
}

// Receipt is what became of a mail that was handed over.
type Receipt struct {
	// ProviderID finds the mail on the other side: the gateway's id, or over SMTP the Message-ID.
	ProviderID string
	// Refusal is set when the other side will not take this mail, now or later.
	Refusal *outside.Refusal
}

var (
	// ErrNotSent marks an unknown outcome that is known in one respect: nothing was delivered. The
	// same mail may be sent again, whatever Resendable says.
	ErrNotSent = errors.New("not sent")
	// ErrKeyReused means that the gateway has seen the key with another body: a fault in our books
	// that a person must look at.
	ErrKeyReused = errors.New("idempotency key was used with another mail")
)

// New makes the Sender that c asks for. o carries what the gateway's connection needs beyond c
// (transport, logger); an SMTP server uses its logger only.
func New(c config.Mail, o outside.Options) (Sender, error) {
	switch c.Via {
	case "gateway", "":
		return NewGateway(c.Gateway, o), nil
	case "smtp":
		return NewSMTP(c.SMTP, o.Logger)
	}
	return nil, fmt.Errorf("mail via %q: want gateway or smtp", c.Via)
}

// refused makes the receipt of a mail that we do not even show to the other side.
func refused(system string, problem *invalid) Receipt {
	return Receipt{Refusal: &outside.Refusal{System: system, Code: "invalid_message", Reason: problem.Error()}}
}
