// Command payment runs the function payment.
package main

import (
	"context"

	"quittance.dev/config"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/payment"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/stripe"
)

func main() {
	serve.Main("payment", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c struct {
			config.Stripe
			payment.Config
		}
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		return payment.New(c.Config, stripe.New(c.Stripe, outside.Options{})), nil
	}))
}
