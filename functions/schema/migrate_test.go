package schema_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/schema"
)

func files(t *testing.T) fs.FS {
	t.Helper()
	files, err := fs.Sub(schema.Migrations, "migrations")
	require.NoError(t, err)
	return files
}

func TestMigrationsAreNumberedWithoutGapOrTwin(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(files(t), "*")
	require.NoError(t, err)
	found, err := migrate.FindMigrations(files(t))
	require.NoError(t, err)
	require.Equal(t, names, found, "every file is a migration")
	require.NotEmpty(t, found)
}

func TestAGapOrATwinIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	sql := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	good := fstest.MapFS{
		"001_one.sql": sql("create schema one;\n---- create above / drop below ----\ndrop schema one;"),
		"002_two.sql": sql("create schema two;\n---- create above / drop below ----\ndrop schema two;"),
	}
	for name, added := range map[string]string{"gap": "004_four.sql", "twin": "002_again.sql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, pgtest.Empty(t), "")
			broken := maps.Clone(good)
			broken[added] = sql("create schema three;")
			require.ErrorContains(t, schema.MigrateFrom(t.Context(), conn, broken), "migration")
			require.Empty(t, ourSchemas(t, conn))
			require.NoError(t, schema.MigrateFrom(t.Context(), conn, good), "the lock was given back")
			require.Equal(t, []string{"one", "two"}, ourSchemas(t, conn))
		})
	}
}

func TestAMigrationThatFailsLeavesTheVersionBefore(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Empty(t), "")
	broken := fstest.MapFS{
		"001_one.sql": {Data: []byte("create schema one;")},
		"002_two.sql": {Data: []byte("create schema two; create table two.t (c no_such_type);")},
	}
	require.ErrorContains(t, schema.MigrateFrom(t.Context(), conn, broken), "no_such_type")
	require.Equal(t, []string{"one"}, ourSchemas(t, conn))
	require.Equal(t, 1, version(t, conn))
	require.Zero(t, one[int](t, conn, `select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`))
}

func TestMigrateTwiceIsNothing(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Empty(t), "")
	require.NoError(t, schema.Migrate(t.Context(), conn))
	before := catalog(t, conn)
	require.NoError(t, schema.Migrate(t.Context(), conn))
	require.Equal(t, before, catalog(t, conn))
	require.Equal(t, newest(t), version(t, conn))
}

// asMigrator names the variable under which this test binary is a process that
// migrates the database it names, and nothing else.
const asMigrator = "QUITTANCE_TEST_MIGRATE"

func TestMigratorProcess(t *testing.T) {
	conninfo := os.Getenv(asMigrator)
	if conninfo == "" {
		t.Skip("this is one of the eight processes of TestEightProcessesAtOnce")
	}
	conn, err := pgx.Connect(t.Context(), conninfo)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, schema.Migrate(t.Context(), conn))
}

func TestEightProcessesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	self, err := os.Executable()
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			process := exec.CommandContext(t.Context(), self, "-test.run=^TestMigratorProcess$")
			process.Env = append(os.Environ(), asMigrator+"="+db.ConnString(""))
			output, err := process.CombinedOutput()
			if err != nil {
				t.Errorf("a migrator failed: %v\n%s", err, output)
			}
		})
	}
	wg.Wait()
	conn := connect(t, db, "")
	require.Equal(t, newest(t), version(t, conn))
	alone := connect(t, pgtest.Empty(t), "")
	require.NoError(t, schema.Migrate(t.Context(), alone))
	require.Equal(t, catalog(t, alone), catalog(t, conn))
}

func TestDownToNothingAndUpAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	conn := connect(t, pgtest.Empty(t), "")
	require.NoError(t, schema.Migrate(ctx, conn))
	before := catalog(t, conn)
	migrator, err := migrate.NewMigrator(ctx, conn, schema.VersionTable)
	require.NoError(t, err)
	require.NoError(t, migrator.LoadMigrations(files(t)))

	validate := func() error {
		_, err := conn.Exec(ctx, "select from ledger.entry e join ledger.journal j on j.id = e.journal_id")
		return err
	}
	require.NoError(t, validate())
	for n := newest(t) - 1; n >= 0; n-- { // every step has a way back of its own
		require.NoError(t, migrator.MigrateTo(ctx, int32(n)), "down to %d", n)
		require.Equal(t, n, version(t, conn))
	}
	var pgErr *pgconn.PgError
	require.ErrorAs(t, validate(), &pgErr, "down means gone")
	require.Contains(t, []string{"3F000", "42P01"}, pgErr.Code)
	require.Empty(t, ourSchemas(t, conn), "nothing of ours is left")

	require.NoError(t, schema.Migrate(ctx, conn))
	require.NoError(t, validate())
	require.Equal(t, before, catalog(t, conn))
}

func TestHashNamesTheContent(t *testing.T) {
	t.Parallel()
	copied := fstest.MapFS{}
	names, err := fs.Glob(schema.Migrations, "migrations/*.sql")
	require.NoError(t, err)
	for _, name := range names {
		body, err := fs.ReadFile(schema.Migrations, name)
		require.NoError(t, err)
		copied[name] = &fstest.MapFile{Data: body}
	}
	require.Equal(t, schema.Hash(), schema.HashOf(copied))
	require.Len(t, schema.Hash(), 16)

	seen := map[string]string{schema.Hash(): "nothing"}
	differs := func(change string, files fstest.MapFS) {
		hash := schema.HashOf(files)
		require.NotContains(t, seen, hash, "%s looks like %s", change, seen[hash])
		seen[hash] = change
	}
	for _, name := range names {
		changed := maps.Clone(copied)
		body := slices.Clone(copied[name].Data)
		body[len(body)/2] ^= 1
		changed[name] = &fstest.MapFile{Data: body}
		differs("a flipped bit in "+name, changed)
		delete(changed, name)
		differs("no "+name, changed)
	}
	moved := maps.Clone(copied) // the same bytes, cut elsewhere
	first, second := copied[names[0]].Data, copied[names[1]].Data
	moved[names[0]] = &fstest.MapFile{Data: append(slices.Clone(first), second[0])}
	moved[names[1]] = &fstest.MapFile{Data: second[1:]}
	differs("a byte moved to the file before", moved)
}

func newest(t *testing.T) int {
	t.Helper()
	names, err := fs.Glob(files(t), "*.sql")
	require.NoError(t, err)
	return len(names)
}

func version(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	return one[int](t, conn, "select version from "+schema.VersionTable)
}

func ourSchemas(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return column[string](t, conn, `
		select nspname::text from pg_namespace
		where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') order by 1`)
}

// catalog describes everything in the database that is ours: columns,
// constraints, indexes, triggers, functions and grants.
func catalog(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return column[string](t, conn, `
		with ours as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
		select 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
		       || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '') || coalesce(' ' || attacl::text, '')
		from pg_attribute a join pg_class c on c.oid = attrelid left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
		where c.relnamespace in (select oid from ours) and attnum > 0 and not attisdropped
		union all select 'relation ' || oid::regclass || ' ' || relkind::text || coalesce(' ' || relacl::text, '')
		from pg_class where relnamespace in (select oid from ours)
		union all select 'constraint ' || conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(oid)
		from pg_constraint where connamespace in (select oid from ours)
		union all select 'index ' || indexrelid::regclass || ' ' || pg_get_indexdef(indexrelid)
		from pg_index where (select relnamespace from pg_class where oid = indexrelid) in (select oid from ours)
		union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
		union all select 'function ' || oid::regprocedure || coalesce(' ' || proacl::text, '') || ' ' || prosrc
		from pg_proc where pronamespace in (select oid from ours)
		union all select 'schema ' || nspname || coalesce(' ' || nspacl::text, '') from pg_namespace where nspname in (select nspname from ours)
		order by 1`)
}
