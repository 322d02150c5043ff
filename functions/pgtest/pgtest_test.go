package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// No option for the shared server: it must not show.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwentyTestsAtOnceShareNothing(t *testing.T) {
	t.Parallel()
	const tests = 20
	names := make([]string, tests)
	t.Run("group", func(t *testing.T) {
		for i := range tests {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				db := New(t)
				names[i] = db.Name()
				pool := db.Pool("")
				_, err := pool.Exec(t.Context(), "insert into delivery.subscription (consumer, type) values ('same', 'key')")
				require.NoError(t, err, "the same key in every database")
				_, err = pool.Exec(t.Context(), "create table public.mine as select $1::int as n", i)
				require.NoError(t, err)
				require.Equal(t, i, one[int](t, pool, "select n from public.mine"))
				require.Equal(t, 1, one[int](t, pool, "select count(*) from delivery.subscription"))
			})
		}
	})
	seen := map[string]bool{}
	for _, name := range names {
		require.False(t, seen[name], "%s twice", name)
		seen[name] = true
	}
	db := New(t)
	require.Zero(t, one[int](t, db.Pool(""), "select count(*) from delivery.subscription"), "nothing came into the template")
	require.Zero(t, one[int](t, db.Pool(""), "select count(*) from pg_database where datname = any($1)", names), "all were dropped")
}

// A role's grants hold in a clone, so a function's test runs with no more rights
// than the function has.
func TestPoolIsTheRoleItSays(t *testing.T) {
	t.Parallel()
	db := New(t)
	require.Equal(t, "postgres", one[string](t, db.Pool(""), "select current_user"))
	relay := db.Pool("quittance_relay")
	require.Equal(t, "quittance_relay", one[string](t, relay, "select current_user"))
	_, err := relay.Exec(t.Context(), "delete from ledger.entry")
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, "42501", pgErr.Code, "insufficient privilege")
}

func TestUnqualifiedNamesFail(t *testing.T) {
	t.Parallel()
	pool := New(t).Pool("")
	require.Positive(t, one[int](t, pool, "select version from public.schema_version"))
	_, err := pool.Exec(t.Context(), "select version from schema_version")
	require.ErrorContains(t, err, "does not exist")
}

func TestEmptyHasNoMigration(t *testing.T) {
	t.Parallel()
	db := Empty(t)
	require.False(t, one[bool](t, db.Pool(""), "select exists (select from pg_namespace where nspname = 'ledger')"))
}

func TestDatabaseIsDroppedThoughConnectionsAreLeft(t *testing.T) {
	t.Parallel()
	var left *pgx.Conn
	var name string
	t.Run("inner", func(t *testing.T) {
		db := New(t)
		name = db.Name()
		var err error
		left, err = pgx.Connect(t.Context(), db.ConnString(""))
		require.NoError(t, err)
	})
	require.Error(t, left.Ping(t.Context()), "it was cut off")
	_ = left.Close(context.Background())
	require.False(t, one[bool](t, New(t).Pool(""), "select exists (select from pg_database where datname = $1)", name))
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	long := "TestÄ/" + strings.Repeat("x", 100)
	require.Regexp(t, `^test_test__x+_[a-z2-7]{12}$`, databaseName(long))
	require.LessOrEqual(t, len(databaseName(long)), 63)
	require.NotEqual(t, databaseName("T"), databaseName("T"))
}

// TestWithoutPostgres runs this binary again where no server can be reached, and
// looks at what becomes of TestNeedsPostgres.
func TestWithoutPostgres(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args  []string
		ci    string
		fails bool
		says  string
	}{
		"on a laptop":             {nil, "", true, "FAIL"},
		"on a laptop, with short": {[]string{"-test.short"}, "", false, "SKIP"},
		"in CI, with short":       {[]string{"-test.short"}, "true", true, "FAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], append(tc.args, "-test.v", "-test.run=^TestNeedsPostgres$")...)
			cmd.Env = append(os.Environ(), EnvServer+"=host=/nowhere/at/all", "CI="+tc.ci)
			out, err := cmd.CombinedOutput()
			require.Equal(t, tc.fails, err != nil, "%s", out)
			require.Contains(t, string(out), "--- "+tc.says+": TestNeedsPostgres")
			require.Contains(t, string(out), "no Postgres")
			require.Contains(t, string(out), EnvServer, "it says which server it tried")
		})
	}
}

func TestNeedsPostgres(t *testing.T) {
	t.Parallel()
	require.Equal(t, 1, one[int](t, New(t).Pool(""), "select 1"))
}

func one[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// BenchmarkNew is what a test pays for its database, dropping it included.
func BenchmarkNew(b *testing.B) {
	srv := serverFor(b)
	template, err := srv.template(b.Context())
	require.NoError(b, err)
	for i := 0; b.Loop(); i++ {
		name := databaseName(b.Name())
		require.NoError(b, srv.clone(b.Context(), name, template))
		require.NoError(b, srv.drop(b.Context(), name))
	}
}
