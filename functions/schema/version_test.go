package schema_test

import (
	"testing"

	"github.com/jackc/tern/v2/migrate"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/schema"
	build "quittance.dev/functions/schema/version"
)

// TestTheBuildNeedsItsNewestMigration: whoever adds one raises the number, so
// that no function of this build works on the schema before it.
func TestTheBuildNeedsItsNewestMigration(t *testing.T) {
	t.Parallel()
	require.Equal(t, newest(t), build.Needed)
}

// TestEveryFunctionCanAskForTheVersion, and is told whether the schema is too
// old; a newer one is fine.
func TestEveryFunctionCanAskForTheVersion(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	owner := connect(t, db, "")
	require.NoError(t, schema.Migrate(t.Context(), owner))
	roles := column[string](t, owner, `select rolname::text from pg_roles where rolname like 'quittance\_%' order by 1`)
	for _, role := range roles {
		conn := connect(t, db, role)
		require.NoError(t, build.Check(t.Context(), conn), role)
		require.Error(t, run(t, conn, `update delivery.schema_version set version = 99`), role)
	}
	conn := connect(t, db, roles[0])
	set := func(n int) {
		_, err := owner.Exec(t.Context(), `update `+schema.VersionTable+` set version = $1`, n)
		require.NoError(t, err)
	}
	set(build.Needed - 1)
	require.ErrorContains(t, build.Check(t.Context(), conn), "this build needs")
	set(build.Needed + 1)
	require.NoError(t, build.Check(t.Context(), conn))
	set(build.Needed)

	migrator, err := migrate.NewMigrator(t.Context(), owner, schema.VersionTable)
	require.NoError(t, err)
	require.NoError(t, migrator.LoadMigrations(files(t)))
	require.NoError(t, migrator.MigrateTo(t.Context(), 0))
	require.Error(t, build.Check(t.Context(), conn), "a database without any schema is too old, too")
}
