package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// Unsent is an event of the queue that the relay has claimed.
type Unsent struct {
	fn.Envelope
	Seq      int64 // of its row in the queue
	Attempts int   // claims so far, this one included
}

// ClaimUnsent claims due events, oldest first and of each broker as many as
// there is room for: until the lease runs out no other relay sees them. What
// another relay is claiming is skipped, not waited for.
func ClaimUnsent(ctx context.Context, pool *pgxpool.Pool, room map[events.Broker]int, lease time.Duration) ([]Unsent, error) {
	var brokers []string
	var places []int64
	for broker, n := range room {
		if n > 0 {
			brokers, places = append(brokers, string(broker)), append(places, int64(n))
		}
	}
	rows, err := pool.Query(ctx, `
		with due as (
			select q.seq from unnest($1::text[], $2::bigint[]) room(broker, places)
			cross join lateral (
				select seq from delivery.queue
				where broker = room.broker and due_at <= now() and leased_until <= now()
				order by due_at limit room.places for update skip locked
			) q
		), claimed as (
			update delivery.queue q set leased_until = now() + $3::interval, attempts = q.attempts + 1
			from due where q.seq = due.seq
			returning q.seq, q.attempts, q.source, q.id, q.created_at
		)
		select o.id, o.source, o.type, o.subject, o.partition_key, o.correlation_id,
			o.causation_id, o.traceparent, o.broker, o.created_at, o.data::text, c.seq, c.attempts
		from claimed c join delivery.outbox o on o.source = c.source and o.id = c.id and o.created_at = c.created_at`,
		brokers, places, lease)
	if err != nil {
		return nil, fmt.Errorf("claim unsent events: %w", err)
	}
	unsent, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u Unsent, err error) {
		var data string
		err = row.Scan(&u.ID, &u.Source, &u.Type, &u.Subject, &u.PartitionKey, &u.CorrelationID,
			&u.CausationID, &u.TraceParent, &u.Broker, &u.Time, &data, &u.Seq, &u.Attempts)
		u.Data = []byte(data)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim unsent events: %w", err)
	}
	return unsent, nil
}

// MarkSent takes events that their brokers took out of the queue, and records
// when, for the audit.
func MarkSent(ctx context.Context, pool *pgxpool.Pool, seqs []int64) error {
	if _, err := pool.Exec(ctx, `
		with gone as (
			delete from delivery.queue where seq = any($1::bigint[]) returning source, id, created_at
		)
		insert into delivery.sent (sent_at, sources, ids, created)
		select now(), array_agg(source), array_agg(id), array_agg(created_at) from gone having count(*) > 0`, seqs); err != nil {
		return fmt.Errorf("mark %d events sent: %w", len(seqs), err)
	}
	return nil
}

// Hold keeps the claims of events for another lease, while their brokers work.
func Hold(ctx context.Context, pool *pgxpool.Pool, seqs []int64, lease time.Duration) error {
	if _, err := pool.Exec(ctx, `
		update delivery.queue set leased_until = now() + $2::interval where seq = any($1::bigint[])`, seqs, lease); err != nil {
		return fmt.Errorf("hold %d events: %w", len(seqs), err)
	}
	return nil
}

// Postpone gives claimed events back, due again after wait.
func Postpone(ctx context.Context, pool *pgxpool.Pool, seqs []int64, wait time.Duration) error {
	if _, err := pool.Exec(ctx, `
		update delivery.queue set leased_until = '-infinity', due_at = now() + $2::interval where seq = any($1::bigint[])`, seqs, wait); err != nil {
		return fmt.Errorf("postpone %d events: %w", len(seqs), err)
	}
	return nil
}
