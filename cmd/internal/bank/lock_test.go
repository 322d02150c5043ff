package bank_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/bank"
)

// A second start on the folder of a running bank touches nothing and says why:
// the books of the outside systems are somebody else's.
func TestASecondBankOnTheSameFolderIsRefusedBeforeItOpensAnything(t *testing.T) {
	folder := t.TempDir()
	o := bank.Options{
		DataDir: folder, Infra: os.DirFS("../../../infra"), API: "127.0.0.1:0", Workbench: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	first, err := bank.Start(context.Background(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, first.Close(context.Background())) }()
	book := filepath.Join(folder, "outside", "mambu.book")
	before, err := os.Stat(book)
	require.NoError(t, err)
	_, err = bank.Start(context.Background(), o)
	require.ErrorIs(t, err, bank.ErrInUse)
	after, err := os.Stat(book)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
}
