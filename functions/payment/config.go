package payment

import (
	"cmp"
	"time"
)

// Config is what the function payment is told.
type Config struct {
	// SweepAfter is how long a payment may wait for its outcome before the
	// processor is asked. Zero means the default.
	SweepAfter time.Duration `env:"PAYMENT_SWEEP_AFTER, default=60s"`
	// SweepLimit bounds how many payments one tick picks. Zero means the
	// default.
	SweepLimit int `env:"PAYMENT_SWEEP_LIMIT, default=200"`
}

func (c Config) withDefaults() Config {
	c.SweepAfter = cmp.Or(c.SweepAfter, time.Minute)
	c.SweepLimit = cmp.Or(c.SweepLimit, 200)
	return c
}
