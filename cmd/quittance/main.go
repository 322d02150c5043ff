// Command quittance is the bank for people at a terminal: the whole of it in
// one process, and what looks at it.
package main

import (
	"context"
	"errors"
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
		if exit, ok := errors.AsType[exitError](err); !ok || !exit.silent {
			fmt.Fprintln(os.Stderr, "quittance:", err)
		}
		os.Exit(codeOf(err))
	}
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use: "quittance", Short: "The back office of a small bank",
		SilenceUsage: true, SilenceErrors: true,
	}
	const customers, bank, developers = "customers", "bank", "developers"
	c.AddGroup(
		&cobra.Group{ID: bank, Title: "The bank on this machine:"},
		&cobra.Group{ID: customers, Title: "For customers, over the API:"},
		&cobra.Group{ID: developers, Title: "For those who work on it or operate it:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		bank:       {runCommand(), demoCommand(), stormCommand(), killCommand(), benchCommand()},
		customers:  {loginCommand(), accountsCommand(), withdrawCommand(), transferCommand(), operationCommand(), reportCommand()},
		developers: {rebuildCommand(), archiveCommand(), eventsCommand(), secretsCommand(), lintCommand(), coverageCommand()},
	} {
		for _, one := range commands {
			one.GroupID = group
		}
		c.AddCommand(commands...)
	}
	c.SetHelpCommandGroupID(developers)
	c.SetCompletionCommandGroupID(developers)
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return c
}

// must is for what is wrong in the program only.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "quittance:", err)
		os.Exit(1)
	}
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
