// Command quittance is the bank for people at a terminal: the whole of it in
// one process, and what looks at it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quittance:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use: "quittance", Short: "The back office of a small bank",
		SilenceUsage: true, SilenceErrors: true,
	}
	c.AddCommand(runCommand(), demoCommand(), stormCommand(), killCommand(), benchCommand(), eventsCommand())
	return c
}
