package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/functions/fn"
)

// Unsent is an event of the outbox that the relay has claimed.
type Unsent struct {
	fn.Envelope
	Attempts int // claims so far, this one included
}

// ClaimUnsent claims up to limit due events, oldest first: until the lease
// runs out no other relay sees them.
func ClaimUnsent(ctx context.Context, pool *pgxpool.Pool, limit int, lease time.Duration) ([]Unsent, error) {
	rows, err := pool.Query(ctx, `
		with due as (
			select created_at, source, id from delivery.outbox
			where sent_at is null and due_at <= now()
			order by due_at limit $1 for update skip locked
		)
		update delivery.outbox o set due_at = now() + $2::interval, attempts = attempts + 1
		from due where o.created_at = due.created_at and o.source = due.source and o.id = due.id
		returning o.id, o.source, o.type, o.subject, o.partition_key, o.correlation_id,
			o.causation_id, o.traceparent, o.broker, o.created_at, o.data::text, o.attempts`, limit, lease)
	if err != nil {
		return nil, fmt.Errorf("claim unsent events: %w", err)
	}
	unsent, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u Unsent, err error) {
		var data string
		err = row.Scan(&u.ID, &u.Source, &u.Type, &u.Subject, &u.PartitionKey, &u.CorrelationID,
			&u.CausationID, &u.TraceParent, &u.Broker, &u.Time, &data, &u.Attempts)
		u.Data = []byte(data)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim unsent events: %w", err)
	}
	return unsent, nil
}

// keys splits events into the columns of the outbox's primary key.
func keys(events []fn.Envelope) (times []time.Time, sources, ids []string) {
	for _, e := range events {
		times, sources, ids = append(times, e.Time), append(sources, e.Source), append(ids, e.ID)
	}
	return times, sources, ids
}

// MarkSent records that the broker took the events.
func MarkSent(ctx context.Context, pool *pgxpool.Pool, events []fn.Envelope) error {
	times, sources, ids := keys(events)
	if _, err := pool.Exec(ctx, `
		update delivery.outbox o set sent_at = now()
		from unnest($1::timestamptz[], $2::text[], $3::text[]) k(created_at, source, id)
		where o.created_at = k.created_at and o.source = k.source and o.id = k.id and o.sent_at is null`, times, sources, ids); err != nil {
		return fmt.Errorf("mark %d events sent: %w", len(events), err)
	}
	return nil
}

// Postpone makes claimed events due after wait: longer, to keep a claim while
// the broker still works on them; shorter, to try again after a failure.
func Postpone(ctx context.Context, pool *pgxpool.Pool, events []fn.Envelope, wait time.Duration) error {
	times, sources, ids := keys(events)
	if _, err := pool.Exec(ctx, `
		update delivery.outbox o set due_at = now() + $4::interval
		from unnest($1::timestamptz[], $2::text[], $3::text[]) k(created_at, source, id)
		where o.created_at = k.created_at and o.source = k.source and o.id = k.id and o.sent_at is null`, times, sources, ids, wait); err != nil {
		return fmt.Errorf("postpone %d events: %w", len(events), err)
	}
	return nil
}
