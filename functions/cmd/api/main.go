// Command api runs the function api: REST, events from outside, webhooks.
package main

import (
	"context"

	"quittance.dev/config"
	"quittance.dev/functions/api"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/stripe"
)

func main() {
	serve.Main("api", func(ctx context.Context, p serve.Process, lookup serve.Lookup) (serve.Parts, error) {
		var c config.Stripe
		if err := config.Load(ctx, lookup, &c); err != nil {
			return serve.Parts{}, err
		}
		host := fn.NewHost(api.Function(), p.Pool, fn.Options{Logger: p.Logger, Deadline: p.Config.Deadline})
		handler, err := api.New(api.Options{Host: host, Logger: p.Logger, Webhooks: api.Secrets(stripe.WebhookSecrets(c))})
		return serve.Parts{Handler: handler, Close: host.Close}, err
	})
}
