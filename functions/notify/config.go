package notify

import (
	"cmp"
	"time"
)

// InDoubt is what to do with a message that may or may not have gone out, where
// the other side cannot tell a second copy from a new message.
type InDoubt string

// The policies.
const (
	// Park sends at most once: a person decides.
	Park InDoubt = "park"
	// Resend sends at least once: the customer may get it twice.
	Resend InDoubt = "resend"
)

// Config says how customers are told. The zero value of each field but From
// means its default.
type Config struct {
	// From is the sender of every mail, "name <address>" or an address.
	From string `env:"MAIL_FROM, default=Quittance <no-reply@quittance.invalid>"`
	// InDoubt is "park" or "resend".
	InDoubt InDoubt `env:"NOTIFY_IN_DOUBT, default=park"`
	// TTL is how long an ordinary message is worth sending.
	TTL time.Duration `env:"NOTIFY_TTL, default=24h"`
	// SendTimeout bounds handing over one message. It is under the deadline of
	// a delivery, so that the outcome can still be recorded.
	SendTimeout time.Duration `env:"NOTIFY_SEND_TIMEOUT, default=5s"`
}

func (c Config) withDefaults() Config {
	c.InDoubt = cmp.Or(c.InDoubt, Park)
	c.TTL = cmp.Or(c.TTL, 24*time.Hour)
	c.SendTimeout = cmp.Or(c.SendTimeout, 5*time.Second)
	return c
}
