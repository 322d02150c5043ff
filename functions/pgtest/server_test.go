package pgtest

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/schema"
)

// privateServer is a server that no other test uses.
func privateServer(t *testing.T) *pgserver.TemporaryServer {
	t.Helper()
	srv, err := pgserver.Temporary(t.Context(), pgserver.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Stop(context.Background())) })
	return srv
}

// Several test binaries share one server and come at the same time to one
// without a template, but with what a killed predecessor left.
func TestManyProcessesMakeOneTemplate(t *testing.T) {
	t.Parallel()
	own := privateServer(t)
	raw := own.ConnString(maintenance, pgserver.Superuser)
	conn, err := pgx.Connect(t.Context(), raw)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	want := "quittance_template_" + schema.Hash()
	_, err = conn.Exec(t.Context(), "create database "+ident(want+"_building"))
	require.NoError(t, err)

	const processes = 6
	errs := make([]error, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			srv, err := external(raw)
			if err != nil {
				errs[i] = err
				return
			}
			name, err := srv.template(context.Background())
			if err == nil {
				err = srv.clone(context.Background(), databaseName("clone"), name)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	rows, err := conn.Query(t.Context(), "select datname from pg_database where datname like 'quittance_template%' and not datallowconn")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{want}, names)
	_, err = pgx.Connect(t.Context(), own.ConnString(want, pgserver.Superuser))
	require.ErrorContains(t, err, "not currently accepting connections", "nobody can spoil it, or be in the way of a clone")
}

func TestServerFromOutsideIsLookedAtFirst(t *testing.T) {
	t.Parallel()
	own := privateServer(t)
	_, err := external("host=/nowhere/at/all")
	require.ErrorContains(t, err, EnvServer)
	_, err = external("postgres://%zz")
	require.ErrorContains(t, err, EnvServer)

	conn, err := pgx.Connect(t.Context(), own.ConnString(maintenance, pgserver.Superuser))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "create role guest login")
	require.NoError(t, err)
	_, err = external(own.ConnString(maintenance, "guest"))
	require.ErrorContains(t, err, "guest is not a superuser")
}

func TestConnInfo(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"host=/some/dir port=5433 user=boss dbname=first sslmode=disable",
		"postgres://boss@/first?host=/some/dir&port=5433&sslmode=disable",
		"postgresql:///?host=/some/dir&port=5433&sslmode=disable&user=boss&dbname=first",
	} {
		info, err := parseConnInfo(raw)
		require.NoError(t, err)
		for role, wantUser := range map[string]string{"": "boss", "o'hara": "o'hara"} {
			cfg, err := pgx.ParseConfig(info.with(`the "second"`, role))
			require.NoError(t, err, raw)
			require.Equal(t, wantUser, cfg.User, raw)
			require.Equal(t, `the "second"`, cfg.Database, raw)
			require.Equal(t, "/some/dir", cfg.Host, raw)
			require.EqualValues(t, 5433, cfg.Port, raw)
		}
	}
	info, err := parseConnInfo("postgres://boss:secret@db.example:5433/first")
	require.NoError(t, err)
	cfg, err := pgx.ParseConfig(info.with("second", ""))
	require.NoError(t, err)
	require.Equal(t, "secret", cfg.Password, "the owner keeps the password")
}
