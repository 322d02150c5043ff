package walls_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/walls"
)

// A24: no handler waits and tries again by itself.
func TestA24_NoRoomOrNounWaits(t *testing.T) {
	waits, err := walls.Waits(filepath.Join(root, "functions"))
	require.NoError(t, err)
	require.Empty(t, waits)
}

func TestWaitsFindsEachWay(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join(root, "functions"))))
	planted := filepath.Join(folder, "receipt", "wait.go")
	require.NoError(t, os.WriteFile(planted, []byte(`package receipt

import clock "time"

func wait() {
	clock.Sleep(clock.Second)
	<-clock.After(clock.Second)
	clock.NewTimer(clock.Second).Stop()
}
`), 0o600))
	waits, err := walls.Waits(folder)
	require.NoError(t, err)
	require.Equal(t, []string{
		planted + ":6:2: time.Sleep", planted + ":7:4: time.After", planted + ":8:2: time.NewTimer",
	}, waits)

	require.NoError(t, os.RemoveAll(filepath.Join(folder, "receipt")))
	_, err = walls.Waits(folder)
	require.ErrorContains(t, err, "there is nothing in")
}
