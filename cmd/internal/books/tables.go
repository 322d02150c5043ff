package books

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// database is what the checks read: the owner's pool, or a transaction.
type database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// rule is a query that must return no row.
type rule struct {
	name  string
	query string
}

// rules of the tables. Numbers are those of the invariants in docs/guarantees.md.
//
// A rule does not rely on a constraint to keep a column from being null: a
// comparison with null is neither true nor false and would find nothing.
var rules = []rule{
	{"I01 every journal moves a positive amount between two accounts of its currency", `
		select j.id::text from ledger.journal j where j.status = 'posted' and (
			j.amount_minor > 0 and j.debit_account <> j.credit_account
			and exists (select from ledger.account a where a.id = j.debit_account and a.currency = j.currency)
			and exists (select from ledger.account a where a.id = j.credit_account and a.currency = j.currency)) is not true`},
	{"I02 a posted journal has a position in customers' accounts and no other, a failed one none and a reason", `
		select j.id::text from ledger.journal j
		left join ledger.account d on d.id = j.debit_account left join ledger.account c on c.id = j.credit_account
		where j.status = 'failed' and (j.reason is null or j.debit_seq is not null or j.credit_seq is not null)
		or j.status = 'posted' and ((d.kind = 'customer') <> (j.debit_seq is not null) or (c.kind = 'customer') <> (j.credit_seq is not null))`},
	{"I03 a balance is minus the sum of the entries", `
		select a.id::text from ledger.account a left join ledger.entry e on e.account_id = a.id
		where a.kind = 'customer' group by a.id having a.balance_minor is distinct from -coalesce(sum(e.amount_minor), 0)`},
	{"I04 running balances have no gap and follow from each other", `
		select journal_id::text from (
			select journal_id, account_seq, balance_after_minor, amount_minor,
			       lag(account_seq, 1, 0::bigint) over w ps, lag(balance_after_minor, 1, 0::bigint) over w pb
			from ledger.entry where account_seq is not null
			window w as (partition by account_id order by account_seq)) s
		where account_seq <> ps + 1 or balance_after_minor is distinct from pb - amount_minor`},
	{"I05 no account was ever below its floor", `
		select e.journal_id::text from ledger.entry e join ledger.account a on a.id = e.account_id where e.balance_after_minor < a.floor_minor`},
	{"I06 what customers have is what the bank holds for it, per currency", `
		select currency::text from (
			select currency, -balance_minor as minor from ledger.account where kind = 'customer'
			union all
			select e.currency, e.amount_minor from ledger.entry e join ledger.account a on a.id = e.account_id and a.kind <> 'customer') held
		group by currency having sum(minor) <> 0`},
	{"I07 what a request for a transaction was answered is what the ledger decided", `
		select r.key from idempotency.request r
		left join ledger.journal j on j.business_key = 'transaction:' || (r.body::json ->> 'transaction_id')
		where r.route in ('POST /api/v1/transaction', 'POST /api/v1/bank_transactions') and r.status is not null
		and ((r.body::json ->> 'status' = 'success') = (j.status = 'posted')) is not true`},
	{"I08 no claim is older than its lease by a minute", `
		select consumer || ' ' || id from delivery.idempotency where state = 'claimed' and lease_until < now() - interval '1 minute'
		and not exists (select from delivery.redelivery r where (r.consumer, r.source, r.id) = (idempotency.consumer, idempotency.source, idempotency.id))`},
	{"I09 CLOSED only after Mambu and E, in this order", `
		select account_id::text from closure.account_closure
		where state = 'CLOSED' and (mambu_closed_at <= e_closed_at and e_closed_at <= closed_at) is not true`},
	{"I10 a closed account holds nothing and takes nothing afterwards", `
		select a.id::text from ledger.account a
		where a.status = 'closed' and (a.balance_minor is distinct from 0 or exists (
			select from ledger.entry e join ledger.journal j on j.id = e.journal_id where e.account_id = a.id and (j.posted_at <= a.closed_at) is not true))`},
	{"I13 every CLOSED closure has its mail sent or parked", `
		select c.account_id::text from closure.account_closure c where c.state = 'CLOSED'
		and not exists (select from notification.notification n where n.kind = 'account.closed' and n.channel = 'email'
		                and n.subject_id = c.account_id and n.state in ('sent', 'parked'))`},
	{"I14 an invoice has at most one captured payment, over its own amount", `
		select i.id::text from invoicing.invoice i join invoicing.payment p on p.invoice_id = i.id and p.state = 'captured'
		group by i.id having count(*) > 1 or sum(p.amount_minor) <> i.amount_minor`},
	{"I16 an invoice is paid if and only if its payment is captured", `
		select i.id::text from invoicing.invoice i
		where (i.state = 'paid') <> exists (select from invoicing.payment p where p.invoice_id = i.id and p.state = 'captured'
			and (i.state <> 'paid' or i.payment_id = p.id))`},
	{"I18 every event was handled by every consumer, or is a dead letter", `
		select s.consumer || ' ' || o.type || ' ' || o.id from delivery.outbox o
		join delivery.subscription s on s.type = o.type and o.created_at >= s.since
		where not exists (select from delivery.idempotency i where i.consumer = s.consumer and i.source = o.source and i.id = o.id and i.state = 'done')
		and not exists (select from delivery.dead_letter d where d.consumer = s.consumer and d.source = o.source and d.event_id = o.id and d.status = 'open')`},
	{"I20 nothing committed waits to be sent", `
		select o.type || ' ' || o.id from delivery.queue q join delivery.outbox o using (source, id, created_at)`},
	{"I23 every paid invoice was posted to the ledger once", `
		select i.id::text from invoicing.invoice i
		left join ledger.journal j on j.business_key = 'payment:' || i.payment_id and j.status = 'posted'
		where i.state = 'paid' group by i.id having count(j.id) <> 1`},
	{"I25 no personal data in events", `
		select id from delivery.outbox
		where data::text ~* '[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}|\+[0-9]{8,15}\y|example'`},
	{"C03 every transaction that was asked for is in the ledger once, posted or failed", `
		select o.id from delivery.outbox o
		left join ledger.journal j on j.business_key = 'transaction:' || (o.data ->> 'transaction_id')
		where o.type in ('dev.quittance.transfer.requested.v1', 'dev.quittance.bank-transaction.requested.v1')
		and not exists (select from delivery.dead_letter d where d.source = o.source and d.event_id = o.id and d.status = 'open')
		group by 1 having count(j.id) <> 1`},
	{"D05 every paid invoice has exactly one receipt, numbered without gaps", `
		select i.id::text from invoicing.invoice i left join invoicing.receipt r on r.invoice_id = i.id where i.state = 'paid'
		group by i.id having count(r.id) <> 1
		union all select issuer from invoicing.receipt group by issuer having max(number) <> count(*)`},
	{"B14 the projections equal the ledger", `
		select a.id::text from ledger.account a left join query.balance b on b.account_id = a.id
		where a.kind = 'customer' and (coalesce(b.balance_minor, 0) is distinct from a.balance_minor or coalesce(b.account_seq, 0) <> a.seq)
		union all select a.id::text from ledger.account a left join query.account_projection p on p.account_id = a.id
		where a.kind = 'customer' and p.status is distinct from a.status`},
	{"C06 the report has each transaction once, as the ledger has it, failed ones too", `
		with line as (
			select *, md5(case kind when 'invoice' then 'payment:' when 'deposit' then 'operation:' when 'withdrawal' then 'operation:' else 'transaction:' end || id)::uuid as journal
			from query.report_line)
		select l.id::text from line l left join ledger.journal j on j.id = l.journal
		where (j.amount_minor = l.amount_minor and j.currency = l.currency and j.posted_at = l.occurred_at
		       and (j.status = 'posted') = (l.status = 'success')
		       and case when l.src_account_id is not null then
		             (j.debit_account, j.credit_account) = (case l.direction when 'debit' then l.src_account_id else l.dst_account_id end,
		                                                    case l.direction when 'debit' then l.dst_account_id else l.src_account_id end)
		           else case l.direction when 'debit' then j.debit_account else j.credit_account end = l.dst_account_id end) is not true
		union all select id::text from query.report_line group by id having count(*) > 1
		union all select j.id::text from ledger.journal j
		where (j.status = 'failed' or j.debit_seq is not null or j.credit_seq is not null) and not exists (select from line l where l.journal = j.id)
		and (j.posted_at at time zone 'UTC')::date not in (select day from query.cold_part where detached_at is not null)`},
}

// Tables runs every rule and returns the broken ones, with up to three rows
// each.
func Tables(ctx context.Context, owner database) ([]string, error) {
	var broken []string
	for _, r := range rules {
		rows, err := owner.Query(ctx, r.query)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		if len(found) > 0 {
			broken = append(broken, fmt.Sprintf("%s: %d, such as %v", r.name, len(found), found[:min(len(found), 3)]))
		}
	}
	return broken, nil
}

// Rest reports what is still on its way: events not sent, not handled by a
// consumer, or to be delivered again.
func Rest(ctx context.Context, owner database) (waiting int, err error) {
	err = owner.QueryRow(ctx, `
		select (select count(*) from delivery.queue)
		     + (select count(*) from delivery.redelivery)
		     + (select count(*) from delivery.outbox o join delivery.subscription s on s.type = o.type and o.created_at >= s.since
		        where not exists (select from delivery.idempotency i where i.consumer = s.consumer and i.source = o.source and i.id = o.id and i.state = 'done')
		        and not exists (select from delivery.dead_letter d where d.consumer = s.consumer and d.source = o.source and d.event_id = o.id and d.status = 'open'))`).Scan(&waiting)
	if err != nil {
		return 0, fmt.Errorf("look for what is waiting: %w", err)
	}
	return waiting, nil
}
