// Command api runs the function api: REST, events from outside, webhooks.
package main

import (
	"context"
	"errors"

	"quittance.dev/config"
	"quittance.dev/functions/api"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/signing"
	"quittance.dev/functions/stripe"
)

func main() {
	serve.Main("api", func(ctx context.Context, p serve.Process, lookup serve.Lookup) (serve.Parts, error) {
		var c struct {
			config.Stripe
			config.OIDC
			config.API
			Ledger config.Ledger
		}
		if err := config.Load(ctx, lookup, &c); err != nil {
			return serve.Parts{}, err
		}
		if c.Ledger.EventKeysFile == "" {
			return serve.Parts{}, errors.New("LEDGER_EVENT_KEYS_FILE is not set: transfers cannot be signed")
		}
		tokens, err := identity.NewVerifier(c.OIDC, identity.Options{Logger: p.Logger})
		if err != nil {
			return serve.Parts{}, err
		}
		host := fn.NewHost(api.Function(), p.Pool, fn.Options{Logger: p.Logger, Deadline: p.Config.Deadline})
		var reportKeys *signing.Ring // made up by the API
		if c.ReportKeysFile != "" {
			reportKeys = signing.File(c.ReportKeysFile)
		}
		handler, err := api.New(api.Options{
			Host: host, Logger: p.Logger, Tokens: tokens, DiscoveryURL: tokens.DiscoveryURL(),
			Limits: api.Limits{PerSecond: c.RequestsPerSecond, Burst: c.RequestBurst}, OpenReports: c.OpenReports, ReportKeys: reportKeys,
			Webhooks: api.Secrets(stripe.WebhookSecrets(c.Stripe)),
			Ledger: direct.New(direct.Options{
				Consumer: "ledger-posting", URL: c.Ledger.URL, Keys: signing.File(c.Ledger.EventKeysFile), Logger: p.Logger,
			}),
		})
		return serve.Parts{Handler: handler, Close: host.Close}, err
	})
}
