package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/functions/cold"
)

func archiveCommand() *cobra.Command {
	var d database
	var to string
	var age, every time.Duration
	c := &cobra.Command{
		Use: "archive", Short: "Put old days of the report away as compressed files", Args: cobra.NoArgs,
		Long: "Writes the lines of each day that is old enough to files, reads them back, compares them with the\n" +
			"table by their hash, and only then takes the day's partition out of the database. Reports do not reach\n" +
			"such days. It may be broken off and run again at any time.",
		RunE: func(c *cobra.Command, _ []string) error {
			for {
				if err := archive(c, d, to, age); err != nil {
					return err
				}
				if every == 0 {
					return nil
				}
				timer := time.NewTimer(every)
				select {
				case <-timer.C:
				case <-c.Context().Done():
					timer.Stop()
					return nil
				}
			}
		},
	}
	d.flags(c)
	c.Flags().StringVar(&to, "to", ".quittance/cold", "folder of the files, which may be a mounted bucket")
	c.Flags().DurationVar(&age, "age", 30*24*time.Hour, "how old a day must be")
	c.Flags().DurationVar(&every, "every", 0, "do it again after so long, until Ctrl-C")
	return c
}

func archive(c *cobra.Command, d database, to string, age time.Duration) error {
	conn, err := d.as(c.Context(), "quittance_query")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(c.Context())) }()
	done, err := cold.Archive(c.Context(), conn, cold.Folder(to), age)
	fmt.Fprintf(c.OutOrStdout(), "%d days put away: %d lines in %d files of %d bytes\n", done.Days, done.Lines, done.Files, done.Bytes)
	if done.PutOff > 0 {
		fmt.Fprintf(c.OutOrStdout(), "%d days changed meanwhile and are left for the next time\n", done.PutOff)
	}
	return err
}
