// Command receipt runs the function receipt.
package main

import (
	"context"

	"quittance.dev/config"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/receipt"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("receipt", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c receipt.Config
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		return receipt.New(c), nil
	}))
}
