package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/client"
)

func operationCommand() *cobra.Command {
	var d door
	var wait bool
	c := &cobra.Command{
		Use: "operation ID", Short: "Show what became of a deposit or a withdrawal", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, arguments []string) error {
			t, end, err := d.teller(c)
			if err != nil {
				return err
			}
			defer end()
			read := t.Bank.GetOperationStatus
			if wait {
				read = t.Bank.AwaitOperation
			}
			op, err := read(c.Context(), arguments[0])
			if err != nil {
				return err
			}
			return d.show(c.OutOrStdout(), op, func(w io.Writer) error { return printOperation(w, op) })
		},
	}
	d.flags(c)
	c.Flags().BoolVar(&wait, "wait", false, "until it is decided")
	return c
}

func printOperation(w io.Writer, op client.Operation) error {
	text := fmt.Sprintf("%s of %s %s: %s", op.Kind, op.Amount, op.Currency, op.Status)
	if op.Reason != "" {
		text += ", " + op.Reason
	}
	if op.BalanceAfter != nil {
		text += fmt.Sprintf(", balance %s %s", *op.BalanceAfter, op.Currency)
	}
	if !op.FinishedAt.IsZero() {
		text += " at " + op.FinishedAt.Format(time.RFC3339)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
