// Command quittance is the bank for people at a terminal: the whole of it in
// one process, and what looks at it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tuneMemory()
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
	c.AddCommand(runCommand(), demoCommand(), stormCommand(), killCommand(), benchCommand(), eventsCommand(), secretsCommand(), lintCommand(), loginCommand())
	return c
}

// tuneMemory lets the heap grow to four times what lives in it, some forty
// megabytes for the whole bank, before it is collected, and collects eagerly
// near a quarter of a gigabyte. GOGC and GOMEMLIMIT have the last word.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
}
