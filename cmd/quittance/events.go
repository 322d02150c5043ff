package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/eventdocs"
	"quittance.dev/cmd/internal/flowmap"
	"quittance.dev/cmd/internal/skaffold"
)

func eventsCommand() *cobra.Command {
	c := &cobra.Command{Use: "events", Short: "The event catalogue"}
	var root string
	generate := &cobra.Command{
		Use: "generate", Short: "Write schemas, AsyncAPI and catalogue from the Go types, the pictures of the flow from the manifests, and the artifacts of skaffold.yaml", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := eventdocs.Write(filepath.Join(root, "events")); err != nil {
				return fmt.Errorf("write the event documents: %w", err)
			}
			if err := flowmap.Write(root); err != nil {
				return fmt.Errorf("draw the flow in README.md: %w", err)
			}
			if err := skaffold.Write(c.Context(), root); err != nil {
				return fmt.Errorf("list the artifacts in skaffold.yaml: %w", err)
			}
			return nil
		},
	}
	generate.Flags().StringVar(&root, "root", ".", "the project's root")
	c.AddCommand(generate)
	return c
}
