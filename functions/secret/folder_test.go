package secret_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/secret"
)

// TestFilesOfAMountedFolder are those that a mount shows, not what lies behind it.
func TestFilesOfAMountedFolder(t *testing.T) {
	mount := t.TempDir()
	none, err := secret.Files(filepath.Join(mount, "none"))
	require.NoError(t, err)
	require.Empty(t, none)

	require.NoError(t, os.Mkdir(filepath.Join(mount, "..2026_01"), 0o700))
	write(t, filepath.Join(mount, "..2026_01", "a.pem"), "one")
	require.NoError(t, os.Symlink("..2026_01", filepath.Join(mount, "..data")))
	require.NoError(t, os.Symlink(filepath.Join("..data", "a.pem"), filepath.Join(mount, "a.pem")))
	files, err := secret.Files(mount)
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"a.pem": []byte("one")}, files)

	require.NoError(t, os.Symlink("nowhere", filepath.Join(mount, "b.pem")))
	files, err = secret.Files(mount)
	require.ErrorContains(t, err, "b.pem")
	require.Equal(t, map[string][]byte{"a.pem": []byte("one")}, files, "the rest is returned all the same")
}
