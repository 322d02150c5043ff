package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
)

// rebuildPage is how many archived events are projected by one statement, and how
// many rows are mended in one transaction.
const rebuildPage = 2000

// passes bounds how often Rebuild compares: the first pass mends, the next finds
// nothing, unless somebody damages rows meanwhile.
const passes = 5

// staged is where the archive is replayed to, for comparison: temporary tables.
const staged place = "pg_temp"

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Events  int   // read from the archive
	Removed int64 // rows that the archive does not bear out
	Added   int64 // rows that were missing, or stood wrong
}

// Rebuild makes the projections what the archive of events says, through the same
// code that hears events live. It does so by comparison, so that the live function
// goes on meanwhile: the archive is replayed to temporary tables, in one snapshot;
// rows that it does not bear out go and rows that are missing come, some thousand
// per transaction; then everything is compared again, until nothing was wrong.
//
// In one snapshot every event of a projected row is in the archive, because an
// event is heard only after it was committed. An event that is not projected yet
// may be on its way; its rows are added all the same, and the live function then
// changes nothing.
//
// Lines of the report that are right keep their place in reports that are open. If
// any has to go, open reports end, and their readers are told.
//
// conn is a connection of the owner of the tables, with nothing else on it.
func Rebuild(ctx context.Context, conn *pgx.Conn) (done Rebuilt, err error) {
	if _, err := conn.Exec(ctx, stage); err != nil {
		return done, fmt.Errorf("rebuild the projections: %w", err)
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock(hashtextextended('quittance rebuild', 0))`)
		err = errors.Join(err, unlock)
	}()
	for range passes {
		wrong, err := done.pass(ctx, conn)
		if err != nil {
			return done, fmt.Errorf("rebuild the projections: %w", err)
		}
		if wrong == 0 {
			return done, nil
		}
	}
	return done, fmt.Errorf("rebuild the projections: rows were still wrong after %d passes", passes)
}

// stage makes the tables of the comparison; strange are rows that go.
const stage = `
	select pg_advisory_lock(hashtextextended('quittance rebuild', 0));
	create temporary table if not exists account_projection (like query.account_projection including all);
	create temporary table if not exists balance (like query.balance including all);
	create temporary table if not exists transaction (like query.transaction including all);
	create temporary table if not exists refusal (like query.refusal including all);
	create temporary table if not exists report_line (like query.report_line including all);
	create temporary table if not exists strange (part regclass, place tid, version xid);`

// pass compares once and mends what it finds; wrong is how many rows were.
func (r *Rebuilt) pass(ctx context.Context, conn *pgx.Conn) (wrong int64, err error) {
	if r.Events, err = replay(ctx, conn); err != nil {
		return 0, err
	}
	for _, t := range projections {
		seen, removed, err := t.remove(ctx, conn)
		wrong, r.Removed = wrong+seen, r.Removed+removed
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, t := range projections {
		added, err := t.add(ctx, conn)
		r.Added += added
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return wrong, nil
}

// replay fills the staged tables from the archive and finds the rows that it does
// not bear out, in one snapshot.
func replay(ctx context.Context, conn *pgx.Conn) (replayed int, err error) {
	take := takers()
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `truncate pg_temp.account_projection, pg_temp.balance, pg_temp.transaction, pg_temp.refusal, pg_temp.report_line, pg_temp.strange`); err != nil {
			return fmt.Errorf("clear the stage: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			declare archive no scroll cursor for
			select type, created_at, data::text from delivery.outbox where type = any($1) order by created_at, source, id`, Types()); err != nil {
			return fmt.Errorf("open the archive: %w", err)
		}
		for {
			p, n, err := readPage(ctx, tx, take)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			if err := p.write(ctx, tx); err != nil {
				return err
			}
			replayed += n
		}
		for _, t := range projections {
			if _, err := tx.Exec(ctx, `analyze pg_temp.`+t.name); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if _, err := tx.Exec(ctx, `
				insert into pg_temp.strange (part, place, version)
				select l.tableoid, l.ctid, l.xmin from query.`+t.name+` l left join pg_temp.`+t.name+` s using (`+t.key+`)
				where (`+t.right+`) is not true`); err != nil {
				return fmt.Errorf("compare %s: %w", t.name, err)
			}
		}
		return nil
	})
	return replayed, err
}

// projection is how one table is compared: l is a row as it stands, s the archive's
// under the same key.
type projection struct {
	name, key string
	// right tells that l is what the archive says, or what it said before an event
	// that has not been heard of yet.
	right string
	// columns are those that are copied, and merge is what happens where a row is
	// there by now: what is further along stays.
	columns, merge string
	// only chooses among the archive's rows; all of them when empty.
	only string
}

const (
	lRank  = `array_position(array['open', 'closing', 'closed'], l.status)`
	sRank  = `array_position(array['open', 'closing', 'closed'], s.status)`
	behind = `array_position(array['open', 'closing', 'closed'], t.status) < array_position(array['open', 'closing', 'closed'], excluded.status)`
)

var projections = []projection{
	{
		name: "account_projection", key: "account_id",
		right: `(l.customer_id is null or (l.customer_id, l.product, l.currency, l.opened_at) is not distinct from (s.customer_id, s.product, s.currency, s.opened_at))
			and ` + lRank + ` <= ` + sRank + ` and (l.closed_at is null or l.closed_at = s.closed_at)`,
		columns: "account_id, customer_id, product, currency, status, opened_at, closed_at",
		merge: `do update set customer_id = coalesce(t.customer_id, excluded.customer_id), product = coalesce(t.product, excluded.product),
			currency = coalesce(t.currency, excluded.currency), opened_at = coalesce(t.opened_at, excluded.opened_at),
			closed_at = coalesce(t.closed_at, excluded.closed_at), status = case when ` + behind + ` then excluded.status else t.status end
			where ` + behind + ` or t.customer_id is null and excluded.customer_id is not null`,
	},
	{
		name: "transaction", key: "account_id, account_seq",
		right: `(l.kind, l.reference, l.amount_minor, l.currency, l.balance_minor, l.occurred_at)
			= (s.kind, s.reference, s.amount_minor, s.currency, s.balance_minor, s.occurred_at)`,
		columns: "account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at",
		merge:   `do nothing`,
	},
	{name: "refusal", key: "id", right: `s.id is not null`, columns: "id", merge: `do nothing`},
	{
		// A transaction id that is yet to come is another server's.
		name: "report_line", key: "occurred_at, id",
		right: `(l.kind, l.src_account_id, l.dst_account_id, l.direction, l.amount_minor, l.currency, l.status, l.reason)
			is not distinct from (s.kind, s.src_account_id, s.dst_account_id, s.direction, s.amount_minor, s.currency, s.status, s.reason)
			and l.xid < pg_snapshot_xmax(pg_current_snapshot())`,
		columns: "occurred_at, id, kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason",
		merge:   `do nothing`,
		// Days that were put away stay away.
		only: ` where (occurred_at at time zone 'UTC')::date not in (select day from query.cold_part where detached_at is not null)`,
	},
	// A balance follows from the postings of its account: see settle.
	{name: "balance", key: "account_id", right: `s.account_id is not null`},
}

// remove takes the strange rows of a table away that have not changed since they
// were seen. A line that goes ends the open reports.
func (t projection) remove(ctx context.Context, conn *pgx.Conn) (seen, removed int64, err error) {
	for {
		var n int64
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `
				with gone as (
					delete from pg_temp.strange where ctid in (
						select s.ctid from pg_temp.strange s join pg_class c on c.oid = s.part left join pg_inherits i on i.inhrelid = c.oid
						where coalesce(i.inhparent, c.oid) = $1::text::regclass limit $2)
					returning part, place, version)
				select part::regclass::text, array_agg(place::text), array_agg(version::text) from gone group by part`, "query."+t.name, rebuildPage)
			if err != nil {
				return err
			}
			type part struct {
				name             string
				places, versions []string
			}
			parts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p part, err error) {
				err = row.Scan(&p.name, &p.places, &p.versions)
				return p, err
			})
			if err != nil {
				return err
			}
			for _, p := range parts {
				tag, err := tx.Exec(ctx, `
					delete from `+p.name+` l using unnest($1::text[], $2::text[]) s(place, version)
					where l.ctid = s.place::tid and l.xmin = s.version::xid`, p.places, p.versions)
				if err != nil {
					return err
				}
				n += int64(len(p.places))
				removed += tag.RowsAffected()
			}
			if n > 0 && t.name == "report_line" {
				_, err = tx.Exec(ctx, `delete from query.report`)
			}
			return err
		})
		if err != nil || n == 0 {
			return seen, removed, err
		}
		seen += n
	}
}

// add puts in what is missing, some thousand rows per transaction.
func (t projection) add(ctx context.Context, conn *pgx.Conn) (added int64, err error) {
	statement := `
		with batch as (
			delete from pg_temp.` + t.name + ` where ctid in (select ctid from pg_temp.` + t.name + ` limit $1) returning *
		), put as (
			insert into query.` + t.name + ` as t (` + t.columns + `)
			select ` + t.columns + ` from batch` + t.only + ` on conflict (` + t.key + `) ` + t.merge + ` returning 1
		)
		select (select count(*) from batch), (select count(*) from put)`
	if t.name == "balance" {
		statement = settle
	}
	for {
		var n, put int64
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if t.name == "balance" {
				if _, err := tx.Exec(ctx, lockBalances, rebuildPage); err != nil {
					return err
				}
			}
			return tx.QueryRow(ctx, statement, rebuildPage).Scan(&n, &put)
		}); err != nil || n == 0 {
			return added, err
		}
		added += put
	}
}

// A balance is settled while its row is locked: whoever posts to the account
// meanwhile has committed before, and is counted, or adds to it afterwards.
const (
	lockBalances = `
		select from query.balance where account_id in (select account_id from pg_temp.balance order by account_id limit $1)
		order by account_id for update`
	settle = `
		with batch as (
			delete from pg_temp.balance where account_id in (select account_id from pg_temp.balance order by account_id limit $1)
			returning account_id, currency
		), put as (
			insert into query.balance as t (account_id, currency, balance_minor, account_seq, heard)
			select b.account_id, coalesce(latest.currency, b.currency), coalesce(latest.balance_minor, 0), coalesce(latest.account_seq, 0),
			       (select count(*) from query.transaction x where x.account_id = b.account_id)
			from batch b left join lateral (
				select currency, balance_minor, account_seq from query.transaction x where x.account_id = b.account_id
				order by account_seq desc limit 1) latest on true
			on conflict (account_id) do update
			   set currency = excluded.currency, balance_minor = excluded.balance_minor, account_seq = excluded.account_seq, heard = excluded.heard
			 where (t.currency, t.balance_minor, t.account_seq, t.heard)
			    is distinct from (excluded.currency, excluded.balance_minor, excluded.account_seq, excluded.heard)
			returning 1
		)
		select (select count(*) from batch), (select count(*) from put)`
)

func readPage(ctx context.Context, tx pgx.Tx, take map[events.Type]taker) (p pageOfEvents, n int, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf("fetch %d from archive", rebuildPage))
	if err != nil {
		return p, 0, fmt.Errorf("read the archive: %w", err)
	}
	var eventType events.Type
	var at time.Time
	var data string
	_, err = pgx.ForEachRow(rows, []any{&eventType, &at, &data}, func() error {
		n++
		return take[eventType](&p, []byte(data), at)
	})
	if err != nil {
		return p, n, fmt.Errorf("read the archive: %w", err)
	}
	return p, n, nil
}

// pageOfEvents gathers archived events by what is written for them.
type pageOfEvents struct {
	opened, closed []Account
	closing        []string
	moved          []Movement
}

// taker adds one archived event to its page.
type taker func(p *pageOfEvents, data []byte, at time.Time) error

// Types lists the event types that the projections are made of.
func Types() []events.Type { return slices.Sorted(maps.Keys(takers())) }

// takers knows each type that the projections are made of.
func takers() map[events.Type]taker {
	return map[events.Type]taker{
		events.TypeAccountOpened: take(func(p *pageOfEvents, d events.AccountOpened, at time.Time) {
			p.opened = append(p.opened, OfOpening(d, at))
		}),
		events.TypeClosureStarted: take(func(p *pageOfEvents, d events.ClosureStarted, _ time.Time) {
			p.closing = append(p.closing, d.AccountID)
		}),
		events.TypeAccountClosed: take(func(p *pageOfEvents, d events.AccountClosed, at time.Time) {
			p.closed = append(p.closed, Account{ID: d.AccountID, ClosedAt: at})
		}),
		events.TypeDepositCompleted:         take(moved[events.DepositCompleted]),
		events.TypeDepositRejected:          take(moved[events.DepositRejected]),
		events.TypeWithdrawalCompleted:      take(moved[events.WithdrawalCompleted]),
		events.TypeWithdrawalRejected:       take(moved[events.WithdrawalRejected]),
		events.TypeInvoiceCredited:          take(moved[events.InvoiceCredited]),
		events.TypeTransferCompleted:        take(moved[events.TransferCompleted]),
		events.TypeTransferRejected:         take(moved[events.TransferRejected]),
		events.TypeBankTransactionCompleted: take(moved[events.BankTransactionCompleted]),
		events.TypeBankTransactionRejected:  take(moved[events.BankTransactionRejected]),
	}
}

func moved[D events.Data](p *pageOfEvents, d D, at time.Time) {
	if m, ok := Of(d, at); ok {
		p.moved = append(p.moved, m)
	}
}

// take reads the payload of one type.
func take[D events.Data](add func(*pageOfEvents, D, time.Time)) taker {
	return func(p *pageOfEvents, data []byte, at time.Time) error {
		var d D
		if err := json.Unmarshal(data, &d); err != nil {
			return fmt.Errorf("%s of %s: %w", d.Type(), at.UTC().Format(time.RFC3339Nano), err)
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("%s of %s: %w", d.Type(), at.UTC().Format(time.RFC3339Nano), err)
		}
		add(p, d, at)
		return nil
	}
}

// write projects the page to the stage.
func (p *pageOfEvents) write(ctx context.Context, tx pgx.Tx) error {
	if err := staged.opened(ctx, tx, p.opened); err != nil {
		return err
	}
	if err := staged.moved(ctx, tx, p.moved); err != nil {
		return err
	}
	if err := staged.closing(ctx, tx, p.closing); err != nil {
		return err
	}
	return staged.closed(ctx, tx, p.closed)
}
