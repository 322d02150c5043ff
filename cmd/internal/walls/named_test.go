package walls_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/walls"
)

// What the documents say is held by a test is held by one.
func TestEveryTestThatTheDocumentsNameExists(t *testing.T) {
	unknown, err := walls.Unknown(root, "README.md", "docs/guarantees.md", "docs/requirements.md")
	require.NoError(t, err)
	require.Empty(t, unknown)
}

// Nor does any other page name a test or a file that is gone.
func TestEveryPageNamesWhatThereIs(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for i, page := range pages {
		pages[i], err = filepath.Rel(root, page)
		require.NoError(t, err)
	}
	misnamed, err := walls.Misnamed(root, pages...)
	require.NoError(t, err)
	require.Empty(t, misnamed)
}

func TestUnknownFindsWhatIsNotThere(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("functions/fn/fn_test.go", "package fn\n\nfunc TestA01_Holds(t *testing.T) {}\n\n// func TestOnlyAComment(t *testing.T) {}\n")
	write("functions/fn/testdata/old_test.go", "package fn\n\nfunc TestGone(t *testing.T) {}\n")
	write("functions/schema/migrations/001_a.sql", "create table delivery.outbox_row (constraint journal_balances check (true));\n")
	write("README.md", "`journal_balances`, `journal_balance`, `delivery.outbox_row`, `delivery.inbox_row`, `TestA01_Holds` in `functions/fn`, `TestA01_Held`, TestOnlyAComment, `TestGone`, `functions/fnord`, and `make test`\n")
	write("empty.md", "Tests are good.\n")

	unknown, err := walls.Unknown(folder, "README.md", "empty.md")
	require.NoError(t, err)
	require.Equal(t, []string{
		"README.md names the test TestA01_Held", "README.md names the test TestOnlyAComment", "README.md names the test TestGone",
		"README.md names journal_balance, which no migration does", "README.md names delivery.inbox_row, which no migration does",
		"README.md names the path functions/fnord", "empty.md names no test",
	}, unknown)

	misnamed, err := walls.Misnamed(folder, "README.md", "empty.md")
	require.NoError(t, err)
	require.Equal(t, []string{
		"README.md names the test TestA01_Held", "README.md names the test TestOnlyAComment", "README.md names the test TestGone",
		"README.md names the path functions/fnord",
	}, misnamed)

	_, err = walls.Unknown(folder, "docs/none.md")
	require.ErrorIs(t, err, os.ErrNotExist)
}
