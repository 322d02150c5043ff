// Command banking runs the function banking.
package main

import (
	"context"

	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/operations"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("banking", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return operations.New(banking.Book{}), nil
	}))
}
