package walls_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/walls"
)

// Whoever adds a dependency says what it is for, and whoever drops one takes it
// off the list.
func TestDependenciesAreThoseInTheDocument(t *testing.T) {
	wrong, err := walls.Dependencies(t.Context(), root, "docs/dependencies.md", modules...)
	require.NoError(t, err)
	require.Empty(t, wrong)
}

func TestDependenciesFindsWhatDiffers(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("one/go.mod", "module quittance.dev/one\n\ngo 1.26\n\nrequire (\n\texample.com/both v1.0.0\n\texample.com/silent v1.0.0\n\texample.com/deep v1.0.0 // indirect\n\tquittance.dev/two v0.0.0\n)\n")
	write("two/go.mod", "module quittance.dev/two\n\ngo 1.26\n\nrequire example.com/both v1.0.0\n\nrequire example.com/both/v2 v2.0.0\n")
	write("list.md", "Not `example.com/prose`.\n\n| module | for |\n|---|---|\n"+
		"| `example.com/both`, `example.com/gone` | `example.com/cell` |\n| `example.com/deep` | x |\n| `example.com/both` | again |\n")

	wrong, err := walls.Dependencies(t.Context(), folder, "list.md", "one", "two")
	require.NoError(t, err)
	require.Equal(t, []string{
		"list.md lists example.com/gone, which no go.mod requires",
		"list.md lists example.com/deep, which no go.mod requires",
		"list.md lists example.com/both twice",
		"list.md does not list example.com/both/v2, which two requires",
		"list.md does not list example.com/silent, which one requires",
	}, wrong)

	_, err = walls.Dependencies(t.Context(), folder, "none.md", "one")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = walls.Dependencies(t.Context(), folder, "list.md", "three")
	require.Error(t, err)
}
