//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/books"
	"quittance.dev/functions/fn/fntest"
)

// restore dumps the bank's database and restores the dump beside it, all in the
// pod of Postgres, as its system user.
const restore = `set -euo pipefail
for bin in /usr/lib/postgresql/*/bin; do PATH=$bin:$PATH; done
export PGHOST=/run/postgresql
dropdb --if-exists restored
createdb --owner=bank_owner restored
pg_dump --format=custom quittance | pg_restore --exit-on-error --dbname=restored`

// A back-up is worth what its restoration shows. The restored database has
// every row of the first and keeps every rule.
func TestABackUpIsRestored(t *testing.T) {
	c := here(t)
	c.rest(t, 5*time.Minute)
	before := fntest.Snapshot(t, c.owner)
	started := time.Now()
	kubectl(t, "exec", "postgres-0", "--", "bash", "-c", restore)
	took := time.Since(started)
	restored, err := connectTo(t.Context(), "restored", c.postgres.Address, "bank_owner", string(secret(t, "postgres-owner", "password")), secret(t, "postgres-owner", "ca.crt"))
	require.NoError(t, err)
	t.Cleanup(restored.Close)
	require.Equal(t, before, fntest.Snapshot(t, restored))
	broken, err := books.Tables(t.Context(), restored)
	require.NoError(t, err)
	require.Empty(t, broken)
	figures.add("dump and restoration of the database: %.1f s, every table equal, every rule kept", took.Seconds())
}
