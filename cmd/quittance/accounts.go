package main

import (
	"io"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/terminal"
)

func accountsCommand() *cobra.Command {
	var d door
	c := &cobra.Command{
		Use: "accounts", Short: "Show your accounts", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, end, err := d.teller(c)
			if err != nil {
				return err
			}
			defer end()
			accounts, err := t.Accounts(c.Context())
			if err != nil {
				return err
			}
			return d.show(c.OutOrStdout(), accounts, func(w io.Writer) error { return terminal.PrintAccounts(w, accounts) })
		},
	}
	d.flags(c)
	return c
}
