package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// Missing is an event that a consumer is owed and has no row of.
type Missing struct {
	Consumer, Source, ID, CorrelationID string
}

// QueueUnheard finds events that the broker took longer than deadline ago and
// that a subscribed consumer has neither done nor is working on nor has as a
// dead letter that a person has to deal with or has thrown away, and queues each
// for redelivery to that consumer. It looks at what was sent since it last
// looked and moves the mark; what is being worked on is looked at again next
// time. What was audited is kept for a day and then cleared away. One look covers five minutes of events at the most, so that an audit that
// was away for long catches up tick by tick instead of failing for ever.
func QueueUnheard(ctx context.Context, tx fn.Tx, deadline time.Duration) ([]Missing, error) {
	// One look is over thousands of events and few subscriptions: unlike the
	// statements that look a key up, it is planned for what it finds.
	if _, err := tx.Exec(ctx, `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_hashjoin', 'on', true)`); err != nil {
		return nil, fmt.Errorf("plan the audit: %w", err)
	}
	var from, to time.Time
	if err := tx.QueryRow(ctx, `
		select audited_to, least(now() - $1::interval, interval '5 minutes' + coalesce(
			(select min(s.sent_at) from delivery.sent s where s.sent_at > audited_to), audited_to))
		from delivery.audit_mark for update`, deadline).Scan(&from, &to); err != nil {
		return nil, fmt.Errorf("lock the audit mark: %w", err)
	}
	rows, err := tx.Query(ctx, `
		with owed as (
			select s.consumer, o.source, o.id, o.correlation_id
			from `+sentBetween+`
			join delivery.subscription s on s.type = o.type and o.created_at >= s.since
			where not exists (select from delivery.idempotency i
			                where i.consumer = s.consumer and i.source = o.source and i.id = o.id
			                and (i.state = 'done' or i.lease_until > now()))
			and not exists (select from delivery.dead_letter d
			                where d.consumer = s.consumer and d.source = o.source and d.event_id = o.id and d.status in ('open', 'discarded'))
		)
		insert into delivery.redelivery (consumer, source, id, why, due_at)
		select consumer, source, id, 'unheard', now() from owed
		on conflict do nothing
		returning consumer, source, id, (select o.correlation_id from owed o
		          where o.consumer = redelivery.consumer and o.source = redelivery.source and o.id = redelivery.id)`, from, to)
	if err != nil {
		return nil, fmt.Errorf("look for unheard events: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Missing])
	if err != nil {
		return nil, fmt.Errorf("look for unheard events: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		update delivery.audit_mark set audited_to = coalesce((
			select min(k.sent_at) - interval '1 microsecond' from `+sentBetween+`
			join delivery.subscription s on s.type = o.type and o.created_at >= s.since
			join delivery.idempotency i on i.consumer = s.consumer and i.source = o.source and i.id = o.id
			where i.state = 'claimed' and i.lease_until > now()
		), $2)`, from, to); err != nil {
		return nil, fmt.Errorf("move the audit mark: %w", err)
	}
	if _, err := tx.Exec(ctx, `delete from delivery.sent where sent_at < $1::timestamptz - interval '1 day'`, from); err != nil {
		return nil, fmt.Errorf("clear away what was audited: %w", err)
	}
	return missing, nil
}

// sentBetween is what the brokers took after $1 and until $2, as k, with its
// events, as o.
const sentBetween = `(
		select n.sent_at, e.source, e.id, e.created_at
		from delivery.sent n cross join lateral unnest(n.sources, n.ids, n.created) e(source, id, created_at)
		where n.sent_at > $1 and n.sent_at <= $2
	) k join delivery.outbox o on o.source = k.source and o.id = k.id and o.created_at = k.created_at`

// MakePartitions makes the outbox's partitions for the coming days.
func MakePartitions(ctx context.Context, tx fn.Tx, days int) error {
	if _, err := tx.Exec(ctx, `select delivery.make_partitions($1)`, days); err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	return nil
}
