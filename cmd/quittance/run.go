package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/demo"
)

func runCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "run", Short: "Run the whole bank: the demo once, then serve until Ctrl-C", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			started := time.Now()
			b, stop, err := p.start(c.Context(), nil)
			if err != nil {
				return err
			}
			defer stop()
			out := c.OutOrStdout()
			began(out, time.Since(started))
			r, err := play(c.Context(), out, b, p.data)
			if err == nil {
				err = compare(c.Context(), out, b, 20*time.Second)
			}
			if c.Context().Err() != nil {
				fmt.Fprintln(out, "\nStopped; the next run goes on where this one was.")
				return nil
			}
			if err != nil { // the bank serves all the same: what is wrong wants to be looked at
				fmt.Fprintf(out, "   ✗ %v\n", err)
			}
			whereNext(out, b, r)
			<-c.Context().Done()
			fmt.Fprintln(out, "\nStopping.")
			return nil
		},
	}
	p.flags(c)
	return c
}

func whereNext(w io.Writer, b *bank.Bank, r demo.Result) {
	fmt.Fprintf(w, `
Where to go next: sign in, then ask. Everybody's password is the name, then -password.
   a token of the workshop  token() { curl -s -H 'Content-Type: application/json' -d "{\"email\":\"$1@example.org\",\"password\":\"$1-password\"}" %[7]s/login | sed 's/.*"access_token":"\([^"]*\)".*/\1/'; }
                            AS=$(token workshop)      (customers: ada, ben, workshop; a program: shop; an operator: olga; the treasury: trude)
   at the terminal          echo ada-password | bin/quittance login --issuer %[7]s --email ada@example.org
                            bin/quittance withdraw --api %[1]s   (also accounts, operation; --help)
   in a browser             bin/quittance login --issuer %[7]s
   the API, described       %[1]s/docs   (OpenAPI: %[1]s/openapi.json)
   an account               curl -H "Authorization: Bearer $AS" %[1]s/accounts/%[6]s
   the journey just played  curl -H "Authorization: Bearer $(token ben)" %[1]s/journeys/%[3]s
   the closure              curl -H "Authorization: Bearer $(token ben)" %[1]s/closures/%[4]s
   the receipt              curl -H "Authorization: Bearer $(token ada)" -o receipt.pdf %[1]s/invoices/%[5]s/receipt
   dead letters             curl -H "Authorization: Bearer $(token olga)" %[1]s/dead-letters
   a customer               curl -H "Authorization: Bearer $AS" -H "Idempotency-Key: $RANDOM-$RANDOM" -H 'Content-Type: application/json' -d '{"name":"Eve Example","email":"eve@example.org","phone":"+41790000009"}' %[1]s/customers
   a deposit                curl -H "Authorization: Bearer $AS" -H "Idempotency-Key: $RANDOM-$RANDOM" -H 'Content-Type: application/json' -d '{"account_id":"%[6]s","amount":10.00}' %[1]s/deposit
   an event                 the program shop sends them to %[1]s/events, for accounts of its own
   the outside world        curl %[2]s/outside/mambu/books   (also e/books, stripe/books, mail/mails, sms/texts)
   metrics                  curl %[2]s/metrics

The bank serves until Ctrl-C. Its state survives; make clean forgets it.
`, b.APIURL, b.BenchURL, r.Withdrawal, r.SavingsID, r.InvoiceID, r.PayeeID, b.IssuerURL)
}
