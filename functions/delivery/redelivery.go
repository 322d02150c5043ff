package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// Redelivery is an event that one consumer is to get again, past the broker.
type Redelivery struct {
	fn.Envelope
	Consumer string
	Attempts int
	Old      bool // queued for longer than maxAge: a person must look
	lease    uuid.UUID
}

// Why an event is delivered again.
const (
	Deferred = "deferred" // an outside system's answer stayed unknown
	Unheard  = "unheard"  // the audit found no row of the consumer
)

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// maxAge is how long a redelivery is tried before it becomes a dead letter.
const maxAge = 72 * time.Hour

// ClaimRedeliveries claims due redeliveries, up to limit of each consumer, less
// those of it that are busy already.
func ClaimRedeliveries(ctx context.Context, pool *pgxpool.Pool, limit int, busy map[string]int, lease time.Duration) ([]Redelivery, error) {
	var consumers []string
	var taken []int64
	for consumer, n := range busy {
		consumers, taken = append(consumers, consumer), append(taken, int64(n))
	}
	rows, err := pool.Query(ctx, `
		with recursive waiting(consumer) as (
			(select consumer from delivery.redelivery order by consumer limit 1)
			union all
			select (select r.consumer from delivery.redelivery r where r.consumer > w.consumer order by r.consumer limit 1)
			from waiting w where w.consumer is not null
		), room as (
			select w.consumer, $1::bigint - coalesce(b.taken, 0) places
			from waiting w left join unnest($4::text[], $5::bigint[]) b(consumer, taken) using (consumer)
			where w.consumer is not null
		), due as (
			select r.consumer, r.source, r.id from room
			cross join lateral (
				select consumer, source, id from delivery.redelivery
				where consumer = room.consumer and due_at <= now()
				order by due_at limit greatest(room.places, 0) for update skip locked
			) r
		), claimed as (
			update delivery.redelivery r set due_at = now() + $2::interval, lease = gen_random_uuid(), attempts = attempts + 1
			from due where r.consumer = due.consumer and r.source = due.source and r.id = due.id
			returning r.consumer, r.source, r.id, r.lease, r.attempts, r.created_at
		)
		select o.id, o.source, o.type, o.subject, o.partition_key, o.correlation_id, o.causation_id,
		       o.traceparent, o.broker, o.created_at, o.data::text, c.consumer, c.lease, c.attempts,
		       c.created_at <= now() - $3::interval
		from claimed c join delivery.outbox o on o.source = c.source and o.id = c.id`, limit, lease, maxAge, consumers, taken)
	if err != nil {
		return nil, fmt.Errorf("claim redeliveries: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Redelivery, err error) {
		var data string
		err = row.Scan(&r.ID, &r.Source, &r.Type, &r.Subject, &r.PartitionKey, &r.CorrelationID, &r.CausationID,
			&r.TraceParent, &r.Broker, &r.Time, &data, &r.Consumer, &r.lease, &r.Attempts, &r.Old)
		r.Data = []byte(data)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim redeliveries: %w", err)
	}
	return due, nil
}

// Finish removes a redelivery that the consumer took. If the consumer put it
// off meanwhile, the row is no longer ours and stays.
func (r Redelivery) Finish(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, `
		delete from delivery.redelivery where consumer = $1 and source = $2 and id = $3 and lease = $4`,
		r.Consumer, r.Source, r.ID, r.lease); err != nil {
		return fmt.Errorf("finish redelivery: %w", err)
	}
	return nil
}

// Again makes the redelivery due after wait.
func (r Redelivery) Again(ctx context.Context, pool *pgxpool.Pool, wait time.Duration) error {
	return r.putOff(ctx, pool, wait)
}

func (r Redelivery) putOff(ctx context.Context, q execer, wait time.Duration) error {
	if _, err := q.Exec(ctx, `
		update delivery.redelivery set due_at = now() + $5::interval
		where consumer = $1 and source = $2 and id = $3 and lease = $4`,
		r.Consumer, r.Source, r.ID, r.lease, wait); err != nil {
		return fmt.Errorf("put redelivery off: %w", err)
	}
	return nil
}

// stillClaimed is how long a redelivery is put off that would be buried, while the
// consumer's claim is younger than maxAge.
const stillClaimed = time.Minute

// Bury turns a redelivery that the consumer refused for good, or could not take
// for longer than maxAge, into a dead letter, in one transaction. While Record
// finds it Waiting it stays: this row is what it waits for.
func (r Redelivery) Bury(ctx context.Context, pool *pgxpool.Pool, count *Counters, code int, reason string) error {
	var verdict Verdict
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		verdict, err = Record(ctx, tx, DeadLetter{
			Consumer: r.Consumer, Source: r.Source, EventID: r.ID, Type: string(r.Type), Subject: r.Subject,
			CorrelationID: r.CorrelationID, TraceParent: r.TraceParent, Extensions: map[string]string{},
			ContentType: "application/json", Data: r.Data, Code: code, Reason: reason,
		})
		if err != nil {
			return err
		}
		if verdict == Waiting {
			return r.putOff(ctx, tx, stillClaimed)
		}
		_, err = tx.Exec(ctx, `
			delete from delivery.redelivery where consumer = $1 and source = $2 and id = $3 and lease = $4`,
			r.Consumer, r.Source, r.ID, r.lease)
		return err
	})
	if err != nil {
		return fmt.Errorf("bury redelivery: %w", err)
	}
	if verdict == Recorded {
		count.recorded.Add(ctx, 1, by(r.Consumer))
	}
	return nil
}

// PutOff lists the subjects of the events of a type that wait to be delivered
// to a consumer again. Whoever would say the same once more may spare itself.
func PutOff(ctx context.Context, tx pgx.Tx, consumer string, t events.Type) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select distinct o.subject from delivery.redelivery r
		join delivery.outbox o on o.source = r.source and o.id = r.id
		where r.consumer = $1 and o.type = $2`, consumer, t)
	if err != nil {
		return nil, fmt.Errorf("look for what is put off: %w", err)
	}
	subjects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for what is put off: %w", err)
	}
	return subjects, nil
}
