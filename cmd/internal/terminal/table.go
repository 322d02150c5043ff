package terminal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"quittance.dev/client"
)

// PrintAccounts writes accounts as a table, amounts to the right.
func PrintAccounts(w io.Writer, accounts []client.Account) error {
	if len(accounts) == 0 {
		_, err := fmt.Fprintln(w, "There are no accounts.")
		return err
	}
	widest := len("Balance")
	for _, a := range accounts {
		widest = max(widest, len(a.Balance))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Account\tProduct\t%*s\tCurrency\tStatus\n", widest, "Balance")
	fmt.Fprintf(table, "-------\t-------\t%s\t--------\t------\n", strings.Repeat("-", widest))
	for _, a := range accounts {
		fmt.Fprintf(table, "%d\t%s\t%*s\t%s\t%s\n", a.Number, a.Product, widest, a.Balance, a.Currency, a.Status)
	}
	return table.Flush()
}
