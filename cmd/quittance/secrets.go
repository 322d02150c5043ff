package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"quittance.dev/cmd/internal/throwaway"
	"quittance.dev/events"
	"quittance.dev/functions"
)

func secretsCommand() *cobra.Command {
	var namespace string
	c := &cobra.Command{
		Use: "secrets", Short: "Make up the Secrets that a cluster on trial lacks",
		Long: `Reads the Secrets that are there, as kubectl get secrets -o json prints them, and
prints those that are missing, made up on the spot. For a cluster on trial only:

  kubectl -n quittance get secrets -o json | quittance secrets | kubectl create -f -`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			raw, err := io.ReadAll(c.InOrStdin())
			if err != nil {
				return err
			}
			var there corev1.SecretList
			if err := yaml.Unmarshal(raw, &there); err != nil {
				return fmt.Errorf("the Secrets that are there: %w", err)
			}
			if there.Kind != "List" && there.Kind != "SecretList" {
				return errors.New("the Secrets that are there: expected a list on standard input")
			}
			names := []string{"relay"}
			for _, f := range functions.All(functions.Outside{}, functions.Settings{}) {
				names = append(names, f.Name)
			}
			made, err := throwaway.Secrets(namespace, names, append(events.Verifying(), events.Calling()...), there.Items)
			if err != nil {
				return err
			}
			for _, s := range made {
				text, err := yaml.Marshal(s)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(c.OutOrStdout(), "---\n%s", text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&namespace, "namespace", "quittance", "where the Secrets belong")
	return c
}
