package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/functions/query"
)

func rebuildCommand() *cobra.Command {
	var d database
	c := &cobra.Command{
		Use: "rebuild", Short: "Make the projections what the archive of events says", Args: cobra.NoArgs,
		Long: "Compares accounts, balances, transactions and the report's lines with the archive of events, and\n" +
			"mends what differs, while the bank goes on working. Reports that are open stay open unless a line\n" +
			"of theirs had to go. Run it after the database was restored from a dump on another server.",
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := d.connect(c.Context())
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(c.Context())) }()
			started := time.Now()
			done, err := query.Rebuild(c.Context(), conn)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d events read in %s: %d rows were wrong and are gone, %d were put in\n",
				done.Events, time.Since(started).Round(time.Millisecond), done.Removed, done.Added)
			return nil
		},
	}
	d.flags(c)
	return c
}
