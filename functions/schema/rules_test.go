package schema_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
	"quittance.dev/functions/pgtest"
)

// rule is one thing that the database refuses, with statements that break it
// and nothing else.
type rule struct {
	table   string // schema.table
	name    string // the constraint that the error names
	trigger string // that holds it; empty for a constraint or a unique index
	// sql breaks the rule with its last statement. {name} stands for an id, {cash} for the bank's own account.
	sql string
	// behind names rules of the table, or triggers, that refuse the same row
	// first: this one stands behind them and is seen when they are gone.
	behind []string
}

// seed are rows that keep all rules, for the rules to be broken against.
const seed = `
	insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, first_seen, done_at)
	values ('c', '/s', 'e', 't', sha256(''), 'done', now(), now());
	insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
	values ('e', '/s', 't', '', '', '', '', '', 'b', '{}', '2026-01-02');
	insert into delivery.queue (seq, broker, source, id, created_at, due_at) overriding system value values (7, 'b', '/s', 'e', '2026-01-02', now());
	insert into delivery.redelivery (consumer, source, id, why, due_at) values ('c', '/s', 'e', 'replay', now());
	insert into delivery.failure (consumer, source, id, last_error) values ('c', '/s', 'e', 'x');
	insert into delivery.subscription (consumer, type) values ('c', 't');
	insert into delivery.dead_letter (id, consumer, source, event_id, type, subject, correlation_id, traceparent, extensions, content_type, data, payload_hash, reason, attempts)
	values ({letter}, 'c', '/s', 'e', 't', '', '', '', '{}', '', '', '', 'x', 1);
	insert into accounts.customer (id, owner, name, email, phone) values ({customer}, {customer}, 'Ada', 'ada@example.com', '');
	insert into accounts.account (id, customer_id, product, currency) values ({account}, {customer}, 'current', 'EUR');
	insert into ledger.account (id, kind, product, currency) values ({account}, 'customer', 'current', 'EUR'), ({other}, 'customer', 'current', 'EUR');
	insert into ledger.account (id, kind, product, currency, status, closing_at) values ({closing}, 'customer', 'current', 'EUR', 'closing', now());
	insert into ledger.account (id, kind, product, currency) values ({savings}, 'customer', 'simple-savings', 'EUR');
	` + journal + `('posted', 'posted', null, {cash}, {account}, 5, null, null, 1, 5),
		('taken', 'posted', null, {account}, {cash}, 2, 2, 3, null, null), ('failed', 'failed', 'x', {cash}, {account}, 5, null, null, null, null)` + keyed + `;
	insert into ledger.suspense_case (id, journal_id, account_id, amount_minor, currency, reason) values ({case}, md5('posted')::uuid, {account}, 5, 'EUR', 'x');
	insert into banking.operation (id, kind, account_id, amount_minor, currency) values ({operation}, 'deposit', {account}, 5, 'EUR');
	insert into banking.operation (id, kind, account_id, amount_minor, currency, state, balance_minor, finished_at) values ({completed}, 'deposit', {account}, 5, 'EUR', 'COMPLETED', 5, now());
	insert into banking.bank_transaction (id, account_id, direction, amount_minor, currency, reason, asked_by) values ({bank}, {account}, 'debit', 5, 'EUR', 'Fee', {customer});
	insert into banking.transfer (id, src_account_id, dst_account_id, direction, amount_minor, currency) values ({transfer}, {account}, {other}, 'debit', 5, 'EUR');
	insert into banking.account_projection (account_id, status) values ({account}, 'open');
	insert into query.account_projection (account_id) values ({account});
	insert into query.balance (account_id, currency, balance_minor, account_seq) values ({account}, 'EUR', 5, 1);
	insert into query.transaction (account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at) values ({account}, 1, 'deposit', {operation}, 5, 'EUR', 5, now());
	insert into query.refusal (id) values ({operation});
	` + line + `('2026-01-02', {operation}, 'deposit', null, {account}, 'credit', 5, 'EUR', 'success', null);
	` + open + `({report}, {customer}, sha256(''), now(), now(), 10, 100, '1:1:', 0, 0, now(), now() + interval '1 minute');
	` + put + `('2026-01-02', 1, 'object', 1, now(), {operation}, now(), {operation}, sha256(''));
	insert into query.report_key (report_id, n, occurred_at, id) values ({report}, 0, now(), {operation});
	insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference)
	select id, {account}, {customer}, 5, 'EUR', 'x' from unnest(array[{open}, {paid}, {paid2}]::uuid[]) id;
	insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method) values ({submitted}, {open}, 5, 'EUR', 'card', 'tok');
	insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method, state, processor, processor_reference, charge_key, charge_key_at, journey, charged_at)
	values ({captured}, {paid}, 5, 'EUR', 'card', 'tok', 'captured', 'p', 'ref', {key}, now(), '', now()),
	       ({captured2}, {paid2}, 5, 'EUR', 'card', 'tok', 'captured', 'p', 'ref2', {key2}, now(), '', now());
	update invoicing.invoice set state = 'paid', payment_id = {captured}, paid_at = now() where id = {paid};
	update invoicing.invoice set state = 'paid', payment_id = {captured2}, paid_at = now() where id = {paid2};
	insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at) values ({receipt}, {paid}, {captured}, 'quittance', 1, '%PDF-', now());
	insert into closure.account_closure (account_id, closure_id, notes) values ({account}, {closure}, '');
	insert into idempotency.request (caller, route, key, fingerprint, members, status, location, journey, body, answered_at, expires_at)
	values ({customer}, 'POST /x', 'k', sha256(''), '{}', 200, '', '', '{}', now(), now() + interval '30 days');
	insert into notification.notification (id, kind, subject_id, channel, customer_id, content, expires_at) values ({note}, 'k', {account}, 'email', {customer}, '{}', now());
`

func rules() []rule {
	return slices.Concat(deliveryRules, accountRules, ledgerRules, bankingRules, invoicingRules, closureRules, notificationRules, idempotencyRules, reportRules)
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// run runs statements whose {names} stand for ids.
func run(t *testing.T, conn *pgx.Conn, sql string) error {
	t.Helper()
	sql = placeholder.ReplaceAllStringFunc(sql, func(name string) string {
		if name == "{cash}" {
			return "'" + ledger.HouseAccount(ledger.Cash, "EUR") + "'"
		}
		return "'" + fn.DeriveID("rule", name) + "'"
	})
	_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	return err
}

// TestEveryRuleIsHeld breaks each rule alone: the database refuses and names
// it, and once the rule is gone takes the very same row.
func TestEveryRuleIsHeld(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), "")
	require.NoError(t, run(t, conn, seed))
	for _, r := range rules() {
		t.Run(r.table+"/"+r.name+r.trigger, func(t *testing.T) {
			tx, err := conn.Begin(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
			for _, other := range r.behind {
				require.Error(t, run(t, conn, "savepoint s;"+r.sql), "nothing refuses it first")
				require.NoError(t, run(t, conn, "rollback to s"))
				remove(t, conn, r.table, other)
			}
			require.NoError(t, run(t, conn, "savepoint s"))
			err = run(t, conn, r.sql)
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr)
			require.Equal(t, "23", pgErr.Code[:2], "an integrity violation: %v", err)
			require.NoError(t, run(t, conn, "rollback to s"))
			require.Equal(t, r.name, named(t, conn, pgErr), "%v", err)
			if pgErr.TableName != "" && r.trigger == "" && !strings.HasPrefix(pgErr.TableName, "outbox_") && !strings.HasPrefix(pgErr.TableName, "report_line_") {
				require.Equal(t, r.table, pgErr.SchemaName+"."+pgErr.TableName)
			}

			if r.trigger != "" {
				remove(t, conn, r.table, r.trigger)
			} else {
				remove(t, conn, r.table, r.name)
			}
			require.NoError(t, run(t, conn, r.sql), "the row breaks something else as well")
		})
	}
}

// remove takes a constraint, a unique index or a trigger away from a table.
func remove(t *testing.T, conn *pgx.Conn, table, name string) {
	t.Helper()
	statement := one[string](t, conn, `
		select coalesce(
			(select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) from pg_constraint where conrelid = $1::text::regclass and conname = $2),
			(select format('alter table %s disable trigger %I', tgrelid::regclass, tgname) from pg_trigger where tgrelid = $1::text::regclass and tgname = $2),
			(select 'drop index ' || indexrelid::regclass from pg_index i join pg_class c on c.oid = indexrelid where indrelid = $1::text::regclass and relname = $2))`,
		table, name)
	require.NoError(t, run(t, conn, statement))
}

// named is the constraint that an error names; that of a partition counts as
// its table's.
func named(t *testing.T, conn *pgx.Conn, e *pgconn.PgError) string {
	t.Helper()
	parent := column[string](t, conn, `
		select p.conname::text from pg_constraint c join pg_constraint p on p.oid = c.conparentid
		where c.conname = $1 and c.conrelid = to_regclass($2)`, e.ConstraintName, e.SchemaName+"."+e.TableName)
	if len(parent) == 1 {
		return parent[0]
	}
	return e.ConstraintName
}

// TestEveryRuleOfTheCatalogHasARow asks the database which rules it has: check,
// unique, primary and foreign keys, unique indexes, and what triggers raise.
func TestEveryRuleOfTheCatalogHasARow(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), "")
	inCatalog := column[string](t, conn, `
		with ours as (select oid from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public'))
		select conrelid::regclass || ' ' || conname || ' ' from pg_constraint
		where connamespace in (select oid from ours) and conrelid <> 0 and conparentid = 0 and coninhcount = 0 and contype in ('c', 'u', 'p', 'f', 'x')
		union
		select indrelid::regclass || ' ' || relname || ' ' from pg_index join pg_class c on c.oid = indexrelid
		where indisunique and relnamespace in (select oid from ours) and not c.relispartition
		  and not exists (select from pg_constraint where conindid = indexrelid)
		union
		select tgrelid::regclass || ' ' || coalesce(raised[1], 'no exception') || ' ' || tgname
		from pg_trigger join pg_proc p on p.oid = tgfoid
		left join regexp_matches(prosrc, 'constraint = ''(\w+)''', 'g') raised on true
		where not tgisinternal and tgparentid = 0 and pronamespace in (select oid from ours)`)
	var held []string
	for _, r := range rules() {
		held = append(held, r.table+" "+r.name+" "+r.trigger)
	}
	// Triggers that write instead of refusing: TestEveryTransitionIsRecorded.
	held = append(held, "closure.account_closure no exception record_opening", "closure.account_closure no exception record_transition")
	slices.Sort(held)
	slices.Sort(inCatalog)
	require.Equal(t, inCatalog, slices.Compact(held), "each rule of the database has a row that breaks it")
}

// TestRulesAreNamedAfterWhatTheySay finds names that Postgres made up.
func TestRulesAreNamedAfterWhatTheySay(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), "")
	require.Empty(t, column[string](t, conn, `
		select conrelid::regclass || ' ' || conname
		from pg_constraint c join pg_namespace n on n.oid = connamespace join pg_class t on t.oid = conrelid
		where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') and conparentid = 0
		  and contype in ('c', 'u', 'p', 'f', 'x')
		  and (conname ~ '_(pkey|fkey|check|excl)\d*$' or conname = relname || '_' || (
		       select string_agg(attname, '_' order by n) from unnest(conkey) with ordinality k(attnum, n)
		       join pg_attribute using (attnum) where attrelid = conrelid) || '_key')`))
}

func TestEveryTransitionIsRecorded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, owner := connect(t, db, "quittance_closure_mambu"), connect(t, db, "")
	require.NoError(t, run(t, conn, `
		insert into closure.account_closure (account_id, closure_id, notes) values ({a}, {c}, '');
		update closure.account_closure set state = 'CLOSING_MAMBU';
		update closure.account_closure set last_error = 'no transition';
		update closure.account_closure set state = 'CLOSING_MAMBU';
		update closure.account_closure set state = 'PARKED'`))
	require.Equal(t, []string{"none OPEN", "OPEN CLOSING_MAMBU", "CLOSING_MAMBU PARKED"}, column[string](t, owner, `
		select coalesce(from_state, 'none') || ' ' || to_state from closure.account_closure_events where actor = 'quittance_closure_mambu' order by id`))
	require.Equal(t, 3, one[int](t, owner, `select count(*) from closure.account_closure_events`))
}
