package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/coverage"
)

func coverageCommand() *cobra.Command {
	var floor float64
	var show int
	var floors map[string]int
	c := &cobra.Command{
		Use: "coverage PROFILE...", Short: "Add up coverage profiles; fails below the floor", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			var p coverage.Profile
			for _, name := range files {
				if err := readProfile(&p, name); err != nil {
					return err
				}
			}
			packages := p.Packages()
			for _, s := range packages[:min(show, len(packages))] {
				fmt.Fprintf(c.OutOrStdout(), "%6.1f %%  %s (%d of %d statements)\n", s.Percent(), s.Name, s.Covered, s.Counted)
			}
			total := p.Total()
			fmt.Fprintf(c.OutOrStdout(), "%6.1f %%  of %d statements in %d packages; the floor is %.1f %%\n", total.Percent(), total.Counted, len(packages), floor)
			if total.Percent() < floor {
				return fmt.Errorf("the tests cover %.1f %%, the floor is %.1f %%", total.Percent(), floor)
			}
			return p.Above(floors)
		},
	}
	c.Flags().Float64Var(&floor, "floor", 0, "percent of all statements")
	c.Flags().StringToIntVar(&floors, "package", nil, "floors of single packages, as in quittance.dev/functions/ledger=90")
	c.Flags().IntVar(&show, "show", 10, "how many of the least covered packages to list")
	return c
}

func readProfile(p *coverage.Profile, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	if err := p.Read(file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
