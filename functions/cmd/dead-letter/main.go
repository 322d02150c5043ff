// Command dead-letter runs the function dead-letter.
package main

import (
	"context"

	"quittance.dev/functions/deadletter"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("dead-letter", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return deadletter.New(), nil
	}))
}
