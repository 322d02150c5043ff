// Command audit runs the function audit.
package main

import (
	"context"

	"quittance.dev/config"
	"quittance.dev/functions/audit"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("audit", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c config.Audit
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		return audit.New(c.Deadline), nil
	}))
}
