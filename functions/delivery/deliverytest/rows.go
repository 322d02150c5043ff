package deliverytest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// Rows are the tables of a test.
type Rows struct {
	t     testing.TB
	owner *pgxpool.Pool
}

// NewRows looks at the tables through owner.
func NewRows(t testing.TB, owner *pgxpool.Pool) *Rows { return &Rows{t: t, owner: owner} }

// Event is one that payments are told of, with a fresh id.
func Event() fn.Envelope {
	e := fntest.Event(events.PaymentSubmitted{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	e.Broker, e.CausationID = events.Payments, "the cause"
	e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	return e
}

// Commit puts events in the outbox as a function's commit would, with the bell,
// and returns them with their time.
func (r *Rows) Commit(n int) []fn.Envelope {
	r.t.Helper()
	all := make([]fn.Envelope, n)
	for i := range all {
		all[i] = Event()
		r.Put(&all[i])
	}
	r.Exec(`notify ` + fn.Doorbell)
	return all
}

// Put inserts one event, unsent and due now, without the bell.
func (r *Rows) Put(e *fn.Envelope) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(context.Background(), `
		with said as (
			insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id,
			       traceparent, broker, data, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now()) returning broker, source, id, created_at
		)
		insert into delivery.queue (broker, source, id, created_at, due_at)
		select broker, source, id, created_at, created_at from said returning created_at`,
		e.ID, e.Source, e.Type, e.Subject, e.PartitionKey, e.CorrelationID, e.CausationID, e.TraceParent, e.Broker, string(e.Data)).Scan(&e.Time))
}

// Sent inserts one event that its broker took so long ago.
func (r *Rows) Sent(ago time.Duration) fn.Envelope {
	r.t.Helper()
	e := Event()
	r.Put(&e)
	r.Exec(`update delivery.outbox set created_at = now() - $2::interval where id = $1`, e.ID, ago)
	r.Took(e, ago)
	return e
}

// Took records that e's broker took it so long ago.
func (r *Rows) Took(e fn.Envelope, ago time.Duration) {
	r.t.Helper()
	r.Exec(`delete from delivery.queue where source = $1 and id = $2`, e.Source, e.ID)
	r.Exec(`insert into delivery.sent (sent_at, sources, ids, created)
		select now() - $3::interval, array[source], array[id], array[created_at] from delivery.outbox where source = $1 and id = $2`, e.Source, e.ID, ago)
}

// Owes subscribes consumer to the type of Event, since ever.
func (r *Rows) Owes(consumer string) {
	r.t.Helper()
	r.Exec(`insert into delivery.subscription (consumer, type, since) values ($1, $2, 'epoch')`, consumer, events.TypePaymentSubmitted)
}

// Done writes the consumer's row of e, as its commit would.
func (r *Rows) Done(consumer string, e fn.Envelope) {
	r.t.Helper()
	hash := fn.PayloadHash(string(e.Type), e.Data)
	r.Exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, first_seen, done_at)
		values ($1, $2, $3, $4, $5, 'done', now(), now())`, consumer, e.Source, e.ID, e.Type, hash[:])
}

// Claimed writes the consumer's row of e as one that is being worked on for
// another lease; a negative one is over.
func (r *Rows) Claimed(consumer string, e fn.Envelope, lease time.Duration) {
	r.t.Helper()
	hash := fn.PayloadHash(string(e.Type), e.Data)
	r.Exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, first_seen, lease_until)
		values ($1, $2, $3, $4, $5, 'claimed', now(), now() + $6::interval)`, consumer, e.Source, e.ID, e.Type, hash[:], lease)
}

// Again queues a redelivery of e that is due now.
func (r *Rows) Again(consumer string, e fn.Envelope) {
	r.t.Helper()
	r.Exec(`insert into delivery.redelivery (consumer, source, id, why, due_at) values ($1, $2, $3, $4, now())`,
		consumer, e.Source, e.ID, delivery.Unheard)
}

// Letter is e as it ends at the sink of a Trigger.
func Letter(consumer string, e fn.Envelope, code int, reason string) delivery.DeadLetter {
	return delivery.DeadLetter{
		Consumer: consumer, Source: e.Source, EventID: e.ID, Type: string(e.Type), Subject: e.Subject,
		CorrelationID: e.CorrelationID, TraceParent: e.TraceParent, Extensions: map[string]string{"partitionkey": e.PartitionKey},
		ContentType: "application/json", Data: e.Data, Code: code, Reason: reason,
	}
}

// Exec runs sql as the owner.
func (r *Rows) Exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.owner.Exec(context.Background(), sql, args...)
	require.NoError(r.t, err)
}

// Count is the number of rows: "from table where ...".
func (r *Rows) Count(from string, args ...any) int {
	r.t.Helper()
	return One[int](r, "select count(*) "+from, args...)
}

// Eventually waits for that number of rows.
func (r *Rows) Eventually(n int, from string, args ...any) {
	r.t.Helper()
	last := -1
	require.Eventually(r.t, func() bool {
		err := r.owner.QueryRow(context.Background(), "select count(*) "+from, args...).Scan(&last)
		return err == nil && last == n
	}, 20*time.Second, 5*time.Millisecond, "rows %s", from)
}

// One is a single value.
func One[T any](r *Rows, sql string, args ...any) (v T) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(context.Background(), sql, args...).Scan(&v))
	return v
}
