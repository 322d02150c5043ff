package schema_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/schema"
)

var update = flag.Bool("update-roles", false, "write testdata/roles.txt anew instead of comparing with it")

// grants is what every role may do, as a SQL relation: one row per role, object
// and privilege, and the column where a privilege is for some columns only. It
// asks Postgres what it would decide, not what was granted, so privileges of
// PUBLIC and of other roles count.
const grants = `
	with roles as (select oid, rolname from pg_roles where rolname like 'quittance\_%'),
	relations as (
		select c.oid, n.nspname || '.' || c.relname as name, c.relkind
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'),
	tables as materialized (select * from relations where relkind <> 'S'),
	wide as (
		select r.rolname, t.oid, t.name, p.privilege, p.n
		from roles r, tables t, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) with ordinality p(privilege, n)
		where has_table_privilege(r.oid, t.oid, p.privilege)),
	narrow as (
		select r.rolname, t.name, p.privilege, a.attname, p.n, a.attnum
		from roles r, tables t, unnest(array['select', 'insert', 'update', 'references']) with ordinality p(privilege, n), pg_attribute a
		where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
		  and has_column_privilege(r.oid, t.oid, a.attnum, p.privilege)
		  and not has_table_privilege(r.oid, t.oid, p.privilege))
	select rolname::text as role, name as object, privilege, '' as columns, n from wide
	union all
	select rolname, name, privilege, string_agg(attname, ', ' order by attnum), n from narrow group by rolname, name, privilege, n
	union all
	select r.rolname, s.name, p, '', 1 from roles r, relations s, unnest(array['usage', 'select', 'update']) p
	where case when s.relkind = 'S' then has_sequence_privilege(r.oid, s.oid, p) end
	union all
	select r.rolname, 'schema ' || n.nspname, p, '', 1 from roles r, pg_namespace n, unnest(array['usage', 'create']) p
	where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and has_schema_privilege(r.oid, n.oid, p)
	union all
	select r.rolname, 'function ' || f.oid::regprocedure, 'execute', '', 1 from roles r, pg_proc f
	where f.pronamespace in (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
	  and has_function_privilege(r.oid, f.oid, 'execute')
	union all
	select r.rolname, 'database', p, '', 1 from roles r, unnest(array['create', 'temporary']) p
	where has_database_privilege(r.oid, current_database(), p)`

// migrated is a database of its own with all migrations run in it: what they do
// to the database itself is not cloned from a template.
func migrated(t *testing.T) (*pgtest.DB, *pgx.Conn) {
	t.Helper()
	db := pgtest.Empty(t)
	conn := connect(t, db, "")
	require.NoError(t, schema.Migrate(t.Context(), conn))
	return db, conn
}

// TestA28_C1_RoleMatrix compares what every role may do with a list that people
// read. Run with -update-roles to write the list, and read its difference.
func TestA28_C1_RoleMatrix(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t)
	rows, err := conn.Query(t.Context(), `
		select role, object, string_agg(privilege || case when columns = '' then '' else ' (' || columns || ')' end, ', ' order by n, privilege)
		from (`+grants+`) g group by role, object order by role, object like 'schema %' desc, object`)
	require.NoError(t, err)
	var matrix strings.Builder
	matrix.WriteString("# What each role may do. Written by: go test ./schema -run RoleMatrix -update-roles\n")
	var role, object, privileges, last string
	_, err = pgx.ForEachRow(rows, []any{&role, &object, &privileges}, func() error {
		if role != last {
			fmt.Fprintf(&matrix, "\n%s\n", role)
			last = role
		}
		fmt.Fprintf(&matrix, "    %-34s %s\n", object, privileges)
		return nil
	})
	require.NoError(t, err)
	const golden = "testdata/roles.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(matrix.String()), 0o644))
		return
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), matrix.String(), "if this is meant, run with -update-roles and have the difference read")
}

// TestA28_C1_RulesOverTheMatrix holds whatever the golden file says.
func TestA28_C1_RulesOverTheMatrix(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t)
	who := func(where string) []string {
		return column[string](t, conn, `select distinct role || ': ' || privilege || ' on ' || object || columns from (`+grants+`) g where `+where+` order by 1`)
	}
	appendOnly := `object in ('ledger.entry', 'ledger.journal', 'closure.account_closure_events', 'invoicing.receipt')`
	for rule, broken := range map[string]string{
		"what is append-only is changed by nobody":           appendOnly + ` and privilege in ('update', 'delete', 'truncate')`,
		"a closure's history is written by its trigger only": `object = 'closure.account_closure_events' and privilege <> 'select'`,
		"nobody updates the outbox":                          `object = 'delivery.outbox' and privilege = 'update'`,
		"only the relay takes from the queue":                `object = 'delivery.queue' and privilege <> 'insert' and role <> 'quittance_relay'`,
		"nobody deletes from the outbox":                     `object = 'delivery.outbox' and privilege = 'delete'`,
		"partitions are reached through their table only":    `object like 'delivery.outbox\_%' or object like 'query.report\_line\_%'`,
		"nobody truncates, references or makes triggers":     `privilege in ('truncate', 'references', 'trigger')`,
		"nobody makes anything in a schema or the database":  `privilege in ('create', 'temporary')`,
		"nobody has any business in public":                  `object = 'schema public' or object like 'public.%'`,
		"only ledger-posting posts":                          `object in ('ledger.entry', 'ledger.journal', 'ledger.suspense_case') and privilege <> 'select' and role <> 'quittance_ledger_posting'`,
		"a line of the report stays as it is":                `object = 'query.report_line' and privilege in ('update', 'delete')`,
		"an answer that was given stays as it is":            `object = 'idempotency.request' and privilege = 'update' and (columns <> 'status, body, answered_at, expires_at' or role <> 'quittance_api')`, // and request_answered_once
		"nobody moves a balance but the journals":            `object = 'ledger.account' and privilege = 'update' and (columns = '' or columns ~ 'balance_minor|seq|deposits|floor|kind|product|currency')`,
		"nobody writes a line of the book by itself":         `object = 'ledger.entry' and privilege <> 'select'`,
		"what a customer is called is read by two only":      `object = 'accounts.customer' and role not in ('quittance_api', 'quittance_notification')`,
		"deletes are for what waits and what expires":        `privilege = 'delete' and not (role = 'quittance_relay' and object in ('delivery.queue', 'delivery.redelivery')) and not (role = 'quittance_audit' and object in ('delivery.sent', 'idempotency.request', 'query.report'))`,
		"partitions come by the audit and go by the query": `privilege = 'execute' and not (role = 'quittance_audit' and object in ('function delivery.make_partitions(integer)', 'function query.make_partitions(integer)'))
			and not (role = 'quittance_query' and object in ('function query.detach_day(date)', 'function query.line_text(query.report_line)'))`,
		"subscriptions are written by the migration": `object = 'delivery.subscription' and privilege <> 'select'`,
		"no sequence is reached":                     `object in (select c.oid::regclass::text from pg_class c where c.relkind = 'S')`,
	} {
		require.Empty(t, who(broken), rule)
	}
}

func TestC1_RolesOwnNothingAndAreNobodySpecial(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t)
	ours := column[string](t, conn, `select rolname::text from pg_roles where rolname like 'quittance\_%' order by 1`)
	require.Len(t, ours, 13, "one per function, and the relay")
	require.Empty(t, column[string](t, conn, `
		select rolname::text from pg_roles where rolname = any($1)
		and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or not rolcanlogin)`, ours))
	require.Empty(t, column[string](t, conn, `
		select m.roleid::regrole || ' given to ' || m.member::regrole from pg_auth_members m
		where m.roleid::regrole::text = any($1) or m.member::regrole::text = any($1)`, ours), "no role is another's")
	require.Empty(t, column[string](t, conn, `
		select refobjid::regrole || ' owns something in ' || coalesce((select datname from pg_database where oid = dbid), 'the server')
		from pg_shdepend where refclassid = 'pg_authid'::regclass and deptype = 'o' and refobjid::regrole::text = any($1)`, ours))
}

// TestC3_OwnersFunctionsAreFewAndHoldTheirPath: what runs with its owner's
// rights is listed here, and looks nothing up where a caller could put it.
func TestC3_OwnersFunctionsAreFewAndHoldTheirPath(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t)
	const inOurs = `pronamespace in (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')`
	require.Equal(t, []string{"closure.record_transition()", "delivery.make_partitions(integer)", "ledger.apply_journals()", "query.detach_day(date)", "query.make_partitions(integer)"},
		column[string](t, conn, `select oid::regprocedure::text from pg_proc where prosecdef and `+inOurs+` order by 1`))
	require.Empty(t, column[string](t, conn, `
		select oid::regprocedure::text from pg_proc
		where `+inOurs+` and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']`),
		"pg_temp is looked at first unless it is named last")
}

// TestA28_C2_AnotherFunctionsTablesAreOutOfReach connects as a role and tries.
func TestA28_C2_AnotherFunctionsTablesAreOutOfReach(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, try := range []struct{ role, sql string }{
		{"notification", `select from ledger.entry`},
		{"notification", `select from ledger.journal`},
		{"notification", `select from closure.account_closure`},
		{"notification", `update accounts.customer set email = 'a@b.c'`},
		{"api", `update ledger.journal set amount_minor = 1`},
		{"api", `insert into ledger.journal (id, kind) values (gen_random_uuid(), 'deposit')`},
		{"api", `update ledger.account set balance_minor = 1`},
		{"api", `insert into ledger.account (id, kind, currency, seq) values (gen_random_uuid(), 'customer', 'EUR', 1)`},
		{"api", `update invoicing.invoice set state = 'paid'`},
		{"api", `insert into invoicing.invoice (id, state) values (gen_random_uuid(), 'paid')`},
		{"api", `update closure.account_closure_events set to_state = 'CLOSED'`},
		{"api", `delete from delivery.queue`},
		{"api", `update delivery.outbox set data = null`},
		{"ledger_posting", `update ledger.journal set amount_minor = 1`},
		{"ledger_posting", `delete from ledger.journal`},
		{"ledger_posting", `truncate ledger.journal`},
		{"ledger_posting", `update ledger.account set balance_minor = 1`},
		{"ledger_posting", `update ledger.account set seq = 0`},
		{"ledger_posting", `update ledger.account set status = 'open'`},
		{"ledger_posting", `update ledger.account set floor_minor = -1`},
		{"ledger_posting", `update ledger.account set closed_at = now()`},
		{"ledger_posting", `select from accounts.customer`},
		{"ledger_posting", `insert into delivery.queue (id, leased_until) values ('x', now())`},
		{"ledger_posting", `update delivery.idempotency set payload_hash = ''`},
		{"ledger_posting", `delete from delivery.idempotency`},
		{"closure_mambu", `update closure.account_closure set closed_at = now()`},
		{"closure_mambu", `insert into closure.account_closure_events (account_id, to_state) values (gen_random_uuid(), 'CLOSED')`},
		{"closure_e", `update ledger.account set balance_minor = 0`},
		{"validation", `update invoicing.payment set charge_key = null`},
		{"receipt", `update invoicing.receipt set pdf = ''`},
		{"receipt", `update invoicing.invoice set state = 'paid'`},
		{"query", `select from ledger.account`},
		{"query", `delete from query.report_line`},
		{"query", `update query.report_line set amount_minor = 1`},
		{"api", `insert into query.report_line (id) values (gen_random_uuid())`},
		{"api", `delete from query.report`},
		{"banking", `select from query.balance`},
		{"dead_letter", `delete from delivery.dead_letter`},
		{"audit", `update delivery.subscription set since = now()`},
		{"relay", `update delivery.outbox set data = '{}'`},
		{"relay", `select from ledger.account`},
		{"relay", `select delivery.make_partitions(1)`},
		{"query", `select from public.schema_version`},
	} {
		conn := connect(t, db, "quittance_"+try.role)
		_, err := conn.Exec(t.Context(), try.sql)
		var pgErr *pgconn.PgError
		require.ErrorAs(t, err, &pgErr, "%s: %s", try.role, try.sql)
		require.Equal(t, "42501", pgErr.Code, "%s: %s: %v", try.role, try.sql, err)
		require.NoError(t, conn.Close(context.Background()))
	}
}

// TestC1_AGrantTooManyIsSeen proves that the matrix is taken from the
// database and not from what we believe.
func TestC1_AGrantTooManyIsSeen(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t)
	matrix := func() []string {
		return column[string](t, conn, `select role || privilege || object || columns from (`+grants+`) g order by 1`)
	}
	before := matrix()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for _, grant := range []string{
		`grant update (amount_minor) on ledger.entry to quittance_api`,
		`grant create on schema ledger to quittance_relay`,
		`grant temporary on database ` + pgx.Identifier{one[string](t, conn, `select current_database()`)}.Sanitize() + ` to public`,
		`grant execute on function closure.refuse_change() to public`,
		`grant usage on sequence closure.account_closure_events_id_seq to quittance_query`,
	} {
		_, err := conn.Exec(t.Context(), grant)
		require.NoError(t, err)
		after := matrix()
		require.Greater(t, len(after), len(before), grant)
		require.False(t, slices.Equal(before, after))
		before = after
	}
	require.NoError(t, tx.Rollback(t.Context()))
}
