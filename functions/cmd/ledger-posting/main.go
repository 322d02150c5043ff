// Command ledger-posting runs the function ledger-posting.
package main

import (
	"context"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/serve"
)

func main() {
	serve.Main("ledger-posting", serve.Function(func(context.Context, serve.Lookup) (fn.Function, error) {
		return ledgerposting.New(), nil
	}))
}
