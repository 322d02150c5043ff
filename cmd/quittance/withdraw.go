package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/terminal"
)

func withdrawCommand() *cobra.Command {
	var d door
	var account, amount, key string
	c := &cobra.Command{
		Use: "withdraw", Short: "Take money out of an account", Args: cobra.NoArgs,
		Long: "Without --account and --amount it shows your accounts, asks for one and for an amount, and then for\n" +
			"another withdrawal. With them it makes the one withdrawal and ends.\n\n" + exitCodes,
		Example: "  quittance withdraw\n  quittance withdraw --account 1 --amount 100.00\n  quittance withdraw --account 1 --amount 100.00 --json",
		RunE: func(c *cobra.Command, _ []string) error {
			t, end, err := d.teller(c)
			if err != nil {
				return err
			}
			defer end()
			if account == "" && amount == "" {
				if d.asJSON || key != "" {
					return usageError{errors.New("--json and --key need --account and --amount")}
				}
				return terminal.Session{
					Teller: t, In: c.InOrStdin(), Out: c.OutOrStdout(), Echo: !isTerminal(c.InOrStdin()),
				}.Withdrawals(c.Context())
			}
			if account == "" || amount == "" {
				return usageError{errors.New("--account and --amount go together")}
			}
			if key == "" {
				key = string(client.NewKey())
			}
			w, err := t.Withdraw(c.Context(), client.Key(key), account, amount)
			if err != nil {
				return undecided(err, key)
			}
			return d.tell(c, w, w.Status)
		},
	}
	d.flags(c)
	f := c.Flags()
	f.StringVar(&account, "account", "", "number of the account")
	f.StringVar(&amount, "amount", "", "in the account's currency, such as 100.00")
	f.StringVar(&key, "key", "", "idempotency key: the same key again is the same withdrawal (default a new one)")
	completeAccounts(c, &d, "account")
	return c
}

// tell prints an outcome: on standard output as JSON or when it is good, else as
// words on standard error.
func (d *door) tell(c *cobra.Command, outcome fmt.Stringer, status terminal.WithdrawalStatus) error {
	if code := status.ExitCode(); code != 0 {
		told := exitError{code: code, err: errors.New(outcome.String()), silent: true}
		if d.asJSON {
			return errors.Join(told, d.show(c.OutOrStdout(), outcome, nil))
		}
		fmt.Fprintln(c.ErrOrStderr(), outcome)
		return told
	}
	return d.show(c.OutOrStdout(), outcome, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, outcome)
		return err
	})
}

// undecided adds the key under which to ask again.
func undecided(err error, key string) error {
	if errors.Is(err, client.ErrUnknown) || errors.Is(err, context.DeadlineExceeded) {
		return exitError{code: terminal.ExitUnknown, err: fmt.Errorf("%w; ask again with --key %s", err, key)}
	}
	return err
}

// completeAccounts lets the shell complete a flag with the numbers of accounts.
func completeAccounts(c *cobra.Command, d *door, flag string) {
	must(c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		t, end, err := d.teller(c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer end()
		accounts, err := t.Accounts(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		numbers := make([]string, len(accounts))
		for i, a := range accounts {
			numbers[i] = cobra.CompletionWithDesc(strconv.FormatInt(a.Number, 10), fmt.Sprintf("%s, %s %s", a.Product, a.Balance, a.Currency))
		}
		return numbers, cobra.ShellCompDirectiveNoFileComp
	}))
}
