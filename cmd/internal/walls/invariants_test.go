package walls_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	ruleNumber = regexp.MustCompile(`"(I[0-9]{2}|[A-Z][0-9]{2}) `)
	rowNumber  = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]{2}) \|`)
)

// The invariants that docs/guarantees.md explains are those that the bank's
// books are compared by, no more and no fewer.
func TestTheInvariantsInTheDocumentAreThoseThatAreChecked(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "cmd/internal/books/*.go"))
	require.NoError(t, err)
	checked := numbers(t, ruleNumber, files...)
	require.Greater(t, len(checked), 15)
	require.Equal(t, checked, numbers(t, rowNumber, filepath.Join(root, "docs/guarantees.md")))
}

func numbers(t *testing.T, pattern *regexp.Regexp, files ...string) []string {
	t.Helper()
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
			found = append(found, match[1])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
