// Command closure-mambu runs the function closure-mambu.
package main

import (
	"context"

	"go.opentelemetry.io/otel"
	"quittance.dev/config"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closuremambu"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("closure-mambu", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c config.Mambu
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		return closuremambu.New(mambu.New(mambu.ConfigFrom(c)), closure.NewCounters(otel.GetMeterProvider())), nil
	}))
}
