// Command validation runs the function validation.
package main

import (
	"context"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/validation"
)

func main() {
	serve.Main("validation", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return validation.New(), nil
	}))
}
