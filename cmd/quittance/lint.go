package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/lint"
	"quittance.dev/cmd/internal/manifests"
)

func lintCommand() *cobra.Command {
	var root string
	var asJSON, ready bool
	c := &cobra.Command{
		Use:   "lint [folder | file | -]...",
		Short: "Hold manifests against the code, the event catalogue and the platform's own rules",
		Long: `Looks for mistakes in manifests: in a kustomization's folder, in a file of
rendered manifests, or in standard input (-). Without an argument it looks at
every overlay of infra, and for files that none of them reads.

Each finding is a line: file:line: rule: message. With any, it exits with 1.`,
		RunE: func(c *cobra.Command, arguments []string) error {
			findings, err := findings(root, arguments, c.InOrStdin(), ready)
			if err != nil {
				return err
			}
			if err := show(c.OutOrStdout(), findings, asJSON); err != nil {
				return err
			}
			if len(findings) > 0 {
				return fmt.Errorf("findings: %d", len(findings))
			}
			return nil
		},
	}
	c.Flags().StringVar(&root, "root", ".", "the project's root, for its mains and migrations")
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON array instead of lines")
	c.Flags().BoolVar(&ready, "ready", false, "also name the examples that nobody has replaced yet, as before a deployment")
	return c
}

func findings(root string, arguments []string, in io.Reader, ready bool) ([]lint.Finding, error) {
	code, err := lint.ReadCode(root)
	if err != nil {
		return nil, fmt.Errorf("read the code below %s: %w", root, err)
	}
	if len(arguments) == 0 {
		return lint.Tree(root+"/infra", code)
	}
	var all []lint.Finding
	for _, name := range arguments {
		found, err := lintOne(name, in, code, ready)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return lint.Sorted(all), nil
}

func lintOne(name string, in io.Reader, code *lint.Code, ready bool) ([]lint.Finding, error) {
	judge := func(set *manifests.Set, broken error) []lint.Finding {
		all := lint.Check(set, broken, code)
		if ready && len(all) == 0 {
			all = lint.Examples(set)
		}
		return all
	}
	if name == "-" {
		raw, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		return judge(manifests.Parse("standard input", raw)), nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return judge(manifests.Parse(name, raw)), nil
	}
	folders, err := lint.Folders(name)
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return nil, errors.New(name + " is no kustomization and has no overlays")
	}
	var all []lint.Finding
	for _, folder := range folders {
		all = append(all, judge(manifests.Render(folder))...)
	}
	return all, nil
}

func show(to io.Writer, findings []lint.Finding, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		return encoder.Encode(append([]lint.Finding{}, findings...)) // none is an empty array
	}
	for _, f := range findings {
		fmt.Fprintln(to, f)
	}
	return nil
}
