package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/eventdocs"
)

func eventsCommand() *cobra.Command {
	c := &cobra.Command{Use: "events", Short: "The event catalogue"}
	var root string
	generate := &cobra.Command{
		Use: "generate", Short: "Write schemas, AsyncAPI and catalogue from the Go types", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := eventdocs.Write(filepath.Join(root, "events")); err != nil {
				return fmt.Errorf("write the event documents: %w", err)
			}
			return nil
		},
	}
	generate.Flags().StringVar(&root, "root", ".", "the project's root")
	c.AddCommand(generate)
	return c
}
