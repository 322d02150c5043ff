// Command closure-e runs the function closure-e.
package main

import (
	"context"

	"go.opentelemetry.io/otel"
	"quittance.dev/config"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closuree"
	"quittance.dev/functions/externale"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("closure-e", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c config.ExternalE
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		return closuree.New(externale.New(externale.ConfigFrom(c)), closure.NewCounters(otel.GetMeterProvider())), nil
	}))
}
