// Command dead-letter runs the function dead-letter.
package main

import (
	"context"

	"go.opentelemetry.io/otel"
	"quittance.dev/functions/deadletter"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("dead-letter", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return deadletter.New(delivery.NewCounters(otel.GetMeterProvider())), nil
	}))
}
