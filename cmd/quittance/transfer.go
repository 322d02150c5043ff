package main

import (
	"errors"

	"github.com/spf13/cobra"

	"quittance.dev/client"
)

func transferCommand() *cobra.Command {
	var d door
	var from, to, amount, key string
	c := &cobra.Command{
		Use: "transfer", Short: "Move money between two accounts", Args: cobra.NoArgs,
		Long:    "From one of your accounts to another of them, or by its id to anybody's.\n\n" + exitCodes,
		Example: "  quittance transfer --from 2 --to 3 --amount 50.00",
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" || to == "" || amount == "" {
				return usageError{errors.New("--from, --to and --amount are needed")}
			}
			t, end, err := d.teller(c)
			if err != nil {
				return err
			}
			defer end()
			if key == "" {
				key = string(client.NewKey())
			}
			moved, err := t.Transfer(c.Context(), client.Key(key), from, to, amount)
			if err != nil {
				return undecided(err, key)
			}
			return d.tell(c, moved, moved.Status)
		},
	}
	d.flags(c)
	f := c.Flags()
	f.StringVar(&from, "from", "", "number of the account that gives")
	f.StringVar(&to, "to", "", "number, or id, of the account that gets")
	f.StringVar(&amount, "amount", "", "in the currency of the account that gives, such as 100.00")
	f.StringVar(&key, "key", "", "idempotency key: the same key again is the same transfer (default a new one)")
	completeAccounts(c, &d, "from")
	completeAccounts(c, &d, "to")
	return c
}
