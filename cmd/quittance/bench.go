package main

import (
	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/bench"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	c := &cobra.Command{
		Use: "bench", Short: "Measure speed as ratios within one run, and sizes", Args: cobra.NoArgs,
		Long: "Postings through the whole door and transfers through the API against pgbench on the same Postgres, journeys against the same\n" +
			"number of no-op hops through the same brokers, the report over a million transactions, and the sizes of what is built. Nothing else should\n" +
			"run on the machine meanwhile; the load is printed with the figures.",
		RunE: func(c *cobra.Command, _ []string) error {
			o.Progress = c.ErrOrStderr()
			report, err := bench.Run(c.Context(), o)
			if err != nil {
				return err
			}
			return report.Print(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Postings, "postings", false, "postings against pgbench (no part named: all of them)")
	f.BoolVar(&o.Transfers, "transfers", false, "transfers through the API against pgbench")
	f.BoolVar(&o.Journeys, "journeys", false, "journeys against no-op hops")
	f.BoolVar(&o.Reports, "reports", false, "the report over a million transactions")
	f.BoolVar(&o.Sizes, "sizes", false, "binaries, memory, start")
	f.IntVar(&o.Rounds, "rounds", 0, "of each measurement, the median counts (default 3)")
	f.DurationVar(&o.Duration, "duration", 0, "of one measurement (default 10s)")
	f.IntVar(&o.Scale, "scale", 0, "of pgbench's TPC-B (default 50)")
	f.StringVar(&o.Root, "root", ".", "the source tree")
	f.StringVar(&o.Dir, "dir", "", "where the data go meanwhile; a real disk (default the temporary folder)")
	f.StringVar(&o.ProfileDir, "profile", "", "folder for CPU profiles")
	return c
}
