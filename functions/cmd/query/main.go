// Command query runs the function query.
package main

import (
	"context"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/projecting"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("query", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return projecting.New(), nil
	}))
}
