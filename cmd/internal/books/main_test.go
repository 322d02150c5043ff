package books

import (
	"context"
	_ "embed"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clean is a small bank at rest in which every rule holds and has something to
// look at.
//
//go:embed testdata/clean.sql
var clean string

// openClean is a database with the clean bank.
func openClean(t *testing.T) *pgxpool.Pool {
	t.Helper()
	owner := pgtest.New(t).Pool("")
	_, err := owner.Exec(t.Context(), clean)
	require.NoError(t, err)
	return owner
}

// breaking runs statements that nothing refuses, in a transaction that is
// rolled back when the test ends. Triggers and foreign keys are off; a check or
// a unique index that is in the way must be dropped by the statements.
func breaking(t *testing.T, owner *pgxpool.Pool, statements ...string) pgx.Tx {
	t.Helper()
	tx, err := owner.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tx.Rollback(context.Background())) })
	for _, sql := range append([]string{`set local session_replication_role = replica`}, statements...) {
		_, err := tx.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	return tx
}
