package walls

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ours is how the paths of the project's own modules begin.
const ours = "quittance.dev/"

var inBackticks = regexp.MustCompile("`([^`]+)`")

// Dependencies says in what a document and the go.mod files of modules, folders
// below root, disagree. The document lists the direct requirements in the first
// column of its tables, each in backticks: every one of them, and nothing else.
func Dependencies(ctx context.Context, root, document string, modules ...string) ([]string, error) {
	required := map[string]string{} // to the module that requires it
	for _, module := range modules {
		paths, err := requirements(ctx, filepath.Join(root, module))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			required[path] = module
		}
	}
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		return nil, err
	}
	var wrong []string
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.TrimSpace(cells[0]) != "" {
			continue // no row of a table
		}
		for _, match := range inBackticks.FindAllStringSubmatch(cells[1], -1) {
			path := match[1]
			switch {
			case named[path]:
				wrong = append(wrong, fmt.Sprintf("%s lists %s twice", document, path))
			case required[path] == "":
				wrong = append(wrong, fmt.Sprintf("%s lists %s, which no go.mod requires", document, path))
			}
			named[path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(required)) {
		if !named[path] {
			wrong = append(wrong, fmt.Sprintf("%s does not list %s, which %s requires", document, path, required[path]))
		}
	}
	return wrong, nil
}

// requirements lists what the go.mod in folder requires of others and imports
// itself, that is, without what it marks as indirect.
func requirements(ctx context.Context, folder string) ([]string, error) {
	out, err := goCommand(ctx, folder, nil, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var module struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("read the answer of go mod edit: %w", err)
	}
	var paths []string
	for _, r := range module.Require {
		if !r.Indirect && !strings.HasPrefix(r.Path, ours) {
			paths = append(paths, r.Path)
		}
	}
	return paths, nil
}
