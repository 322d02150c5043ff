package backup

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/books"
	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/pgserver/pgfetch"
	"quittance.dev/functions/schema"
)

const (
	root     = "../../.."
	owner    = "bank_owner"
	database = "quittance"
)

// server is a Postgres of its own, with an owner who is no superuser and, as the
// back-up finds it, an empty database.
type server struct {
	*pgserver.Server
	t *testing.T
}

func newServer(t *testing.T) server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: t.TempDir(), Durable: true, SharedBuffersMB: 16, Fetch: pgfetch.Fetch})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	on := server{s, t}
	conn, err := pgx.Connect(t.Context(), s.ConnString(pgserver.Superuser, pgserver.Superuser))
	require.NoError(t, err)
	for _, sql := range []string{`create role bank_owner login createrole`, `create database quittance owner bank_owner`} { // as restore asks
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(context.Background()))
	return on
}

func (s server) connect(role string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.ConnString(database, role))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, conn.Close(context.Background())) })
	return conn
}

// run runs a program as the owner, on the server.
func (s server) run(program string, arguments ...string) (string, error) {
	s.t.Helper()
	at, err := pgx.ParseConfig(s.ConnString(database, owner))
	require.NoError(s.t, err)
	c := exec.CommandContext(s.t.Context(), program, arguments...)
	c.Env = append(os.Environ(), "PGHOST="+at.Host, "PGPORT="+strconv.Itoa(int(at.Port)), "PGUSER="+owner)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	return out.String() + errs.String(), err
}

func (s server) mustRun(program string, arguments ...string) string {
	s.t.Helper()
	out, err := s.run(program, arguments...)
	require.NoError(s.t, err, out)
	return out
}

// whole is all that the database holds, as its own dump says: every table and row,
// every function, trigger, constraint, owner and right. Newer versions of pg_dump
// put a word of chance into it.
func (s server) whole() string {
	s.t.Helper()
	text := s.mustRun("bash", "-c", `for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done; pg_dump `+database)
	text = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`).ReplaceAllString(text, "")
	return regexp.MustCompile(`(?m)^ +CONSTRAINT \S+ CHECK .*$`).ReplaceAllStringFunc(text, func(line string) string {
		return strings.NewReplacer("(", "", ")", "").Replace(line)
	})
}

// roles is what the server itself knows of the bank's: what no dump of a database
// has.
func (s server) roles() []string {
	s.t.Helper()
	rows, err := s.connect(owner).Query(s.t.Context(), `
		select concat_ws(' ', r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
		       (select array_agg(line) from pg_db_role_setting s, unnest(s.setconfig) line where s.setrole = r.oid and s.setdatabase = 0),
		       has_database_privilege(r.oid, current_database(), 'temporary'), has_database_privilege(r.oid, current_database(), 'create'))
		from pg_roles r where r.rolname like 'quittance\_%' order by r.rolname`)
	require.NoError(s.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return all
}

func (s server) pool() *pgxpool.Pool {
	s.t.Helper()
	pool, err := pgxpool.New(s.t.Context(), s.ConnString(database, owner))
	require.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	return pool
}

// newBank is a server with a small bank at rest.
func newBank(t *testing.T) server {
	t.Helper()
	s := newServer(t)
	conn := s.connect(owner)
	require.NoError(t, schema.Migrate(t.Context(), conn))
	require.NoError(t, schema.Subscribe(t.Context(), conn, events.Subscriptions()))
	clean, err := os.ReadFile("../books/testdata/clean.sql")
	require.NoError(t, err)
	_, err = s.connect(pgserver.Superuser).Exec(t.Context(), string(clean))
	require.NoError(t, err)
	return s
}

func script(name string) string { return filepath.Join(root, "infra", "postgres", name) }

// B29: a back-up comes back on a server that never heard of the bank, with every
// row, every rule and every right, and the bank can go on there.
func TestB29_ABackUpComesBackOnANewServer(t *testing.T) {
	first, folder := newBank(t), filepath.Join(t.TempDir(), "backup")
	before, roles := first.whole(), first.roles()
	require.NotEmpty(t, roles)
	require.Contains(t, before, "COPY ledger.journal")
	first.mustRun(script("backup"), folder)
	require.Equal(t, before, first.whole(), "the bank itself is as it was")

	second := newServer(t)
	require.Empty(t, second.roles())
	second.mustRun(script("restore"), folder)
	require.Equal(t, before, second.whole())
	require.Equal(t, roles, second.roles())
	require.Equal(t, fntest.Snapshot(t, first.pool()), fntest.Snapshot(t, second.pool()))
	broken, err := books.Tables(t.Context(), second.pool())
	require.NoError(t, err)
	require.Empty(t, broken)

	// What the migration Job does then: nothing to the schema, and the passwords.
	conn := second.connect(owner)
	require.NoError(t, schema.Migrate(t.Context(), conn))
	require.Equal(t, before, second.whole())
	passwords := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(passwords, "quittance_ledger_posting"), []byte("correct horse"), 0o600))
	set, err := schema.SetPasswords(t.Context(), conn, passwords)
	require.NoError(t, err)
	require.Equal(t, []string{"quittance_ledger_posting"}, set)

	// The ledger's function works there, and as itself only.
	function := second.connect("quittance_ledger_posting")
	_, err = function.Exec(t.Context(), `select from ledger.account`)
	require.NoError(t, err)
	var refused *pgconn.PgError
	for _, sql := range []string{`delete from ledger.journal`, `select from accounts.customer`, `create temporary table x ()`, `set role quittance_payment`} {
		_, err = function.Exec(t.Context(), sql)
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, "42501", refused.Code, sql)
	}

	// The next back-up is of the new server, and is the same.
	again := filepath.Join(t.TempDir(), "backup")
	second.mustRun(script("backup"), again)
	one, err := os.ReadFile(filepath.Join(folder, "roles.sql"))
	require.NoError(t, err)
	other, err := os.ReadFile(filepath.Join(again, "roles.sql"))
	require.NoError(t, err)
	require.Equal(t, string(one), string(other))
}

// On the server that has the roles already nothing of them changes.
func TestB29_ABackUpComesBackBesideTheBank(t *testing.T) {
	s, folder := newBank(t), filepath.Join(t.TempDir(), "backup")
	before, roles := s.whole(), s.roles()
	s.mustRun(script("backup"), folder)
	conn, err := pgx.Connect(t.Context(), s.ConnString(pgserver.Superuser, pgserver.Superuser))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `create database restored owner bank_owner`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(context.Background()))
	s.mustRun("env", "PGDATABASE=restored", script("restore"), folder)
	require.Equal(t, roles, s.roles())
	require.Equal(t, before, s.whole())
}

// What cannot be a bank leaves nothing, on either side.
func TestB29_ABackUpThatIsNoneIsRefused(t *testing.T) {
	bank, empty := newBank(t), newServer(t)
	folder := filepath.Join(t.TempDir(), "backup")
	bank.mustRun(script("backup"), folder)

	out, err := bank.run(script("backup"), folder)
	require.Error(t, err)
	require.Contains(t, out, "is there already")
	none := filepath.Join(t.TempDir(), "none")
	out, err = empty.run(script("backup"), none)
	require.Error(t, err)
	require.Contains(t, out, "has no roles of the bank")
	require.NoDirExists(t, none)

	before := bank.whole()
	out, err = bank.run(script("restore"), folder)
	require.Error(t, err)
	require.Contains(t, out, "is not empty")
	require.Equal(t, before, bank.whole())

	nothing := empty.whole()
	dump, err := os.ReadFile(filepath.Join(folder, "bank.dump"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "bank.dump"), dump[:len(dump)*3/4], 0o600))
	_, err = empty.run(script("restore"), folder)
	require.Error(t, err, "a dump that breaks off")
	require.Equal(t, nothing, empty.whole(), "the database comes back whole or stays empty")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "bank.dump"), dump, 0o600))
	empty.mustRun(script("restore"), folder)
	require.Equal(t, before, empty.whole())
}
