package delivery_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
)

func delivery10(ctx context.Context, tx fn.Tx) error { return delivery.MakePartitions(ctx, tx, 10) }

func (b *bench) claimAgain(limit int) []delivery.Redelivery {
	b.t.Helper()
	due, err := delivery.ClaimRedeliveries(context.Background(), b.relay, limit, nil, time.Minute)
	require.NoError(b.t, err)
	return due
}

func TestRedeliveriesAreLeased(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.Again("payment", e)
	later := b.Sent(time.Minute)
	b.Again("receipt", later)
	b.Again("receipt", e)
	b.Exec(`update delivery.redelivery set due_at = now() - interval '1 second' where id = $1 and consumer = 'receipt'`, e.ID)
	b.Exec(`update delivery.redelivery set due_at = now() + interval '1 hour' where consumer = 'payment'`)

	first := b.claimAgain(1)
	b.Exec(`delete from delivery.redelivery where id = $1`, later.ID)
	b.Exec(`update delivery.redelivery set due_at = now() where consumer = 'payment'`)
	require.Len(t, first, 1)
	require.Equal(t, "receipt", first[0].Consumer, "the oldest first")
	require.Equal(t, 1, first[0].Attempts)
	require.Equal(t, e.ID, first[0].ID)
	require.Equal(t, e.Subject, first[0].Subject)
	require.JSONEq(t, string(e.Data), string(first[0].Data))
	second := b.claimAgain(10)
	require.Len(t, second, 1)
	require.Empty(t, b.claimAgain(10))

	// Whose lease is over can settle nothing any more.
	b.Exec(`update delivery.redelivery set due_at = now() where consumer = 'receipt'`)
	taken := b.claimAgain(10)
	require.Len(t, taken, 1)
	require.Equal(t, 2, taken[0].Attempts)
	require.NoError(t, first[0].Finish(t.Context(), b.relay))
	require.NoError(t, first[0].Again(t.Context(), b.relay, -time.Hour))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where consumer = 'receipt' and due_at > now()`))

	require.NoError(t, taken[0].Again(t.Context(), b.relay, time.Hour))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where consumer = 'receipt' and due_at > now() + interval '59 minutes'`))
	require.NoError(t, taken[0].Finish(t.Context(), b.relay))
	require.NoError(t, second[0].Bury(t.Context(), b.relay, b.count, 422, "no such invoice"))
	require.Zero(t, b.Count(`from delivery.redelivery`))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'payment' and error_code = 422 and reason = 'no such invoice'`))
}

// TestBuryIsOneTransaction: no dead letter without the end of the redelivery,
// nor the other way round.
func TestBuryIsOneTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Again("payment", b.Sent(time.Minute))
	due := b.claimAgain(1)
	b.Exec(`create function delivery.no() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	b.Exec(`create trigger no before delete on delivery.redelivery for each row execute function delivery.no()`)
	require.ErrorContains(t, due[0].Bury(t.Context(), b.relay, b.count, 400, "x"), "not now")
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.Equal(t, 1, b.Count(`from delivery.redelivery`))
}

// TestBuryAfterAll: the consumer has done it meanwhile by another delivery.
func TestBuryAfterAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.Again("payment", e)
	due := b.claimAgain(1)
	b.Done("payment", e)
	require.NoError(t, due[0].Bury(t.Context(), b.relay, b.count, 400, "x"))
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.Zero(t, b.Count(`from delivery.redelivery`))
}

// TestReplayByHand runs what docs/operations.md tells an operator to do.
func TestReplayByHand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	letter := deliverytest.Letter("payment", e, 422, "no such invoice")
	require.Equal(t, delivery.Recorded, b.record(letter))
	manual, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, statements, found := strings.Cut(string(manual), "```sql\nbegin;")
	require.True(t, found)
	statements, _, found = strings.Cut(statements, "commit;")
	require.True(t, found)
	for statement := range strings.SplitSeq(strings.TrimSpace(statements), ";\n") {
		b.Exec(strings.ReplaceAll(statement, "'ID'", "'"+delivery.IDOf(letter)+"'"))
	}
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where status = 'replaying'`))

	due := b.claimAgain(1)
	require.Equal(t, "payment", due[0].Consumer)
	require.Equal(t, e.ID, due[0].ID)
	require.NoError(t, due[0].Bury(t.Context(), b.relay, b.count, 422, "still no such invoice"))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where status = 'open' and times = 2 and reason like 'still%'`))
	require.Zero(t, b.Count(`from delivery.redelivery`))
}

// TestBuryWhileClaimed: the audit queued it long ago, and the consumer came back
// and claimed it only lately. What it waits for is not cleared away.
func TestBuryWhileClaimed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.Again("payment", e)
	b.Exec(`update delivery.redelivery set created_at = now() - interval '73 hours'`)
	due := b.claimAgain(1)
	require.True(t, due[0].Old)
	b.Claimed("payment", e, -time.Second)
	require.NoError(t, due[0].Bury(t.Context(), b.relay, b.count, 503, "not yet"))
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where due_at between now() and now() + interval '1 minute'`))

	b.Exec(`update delivery.idempotency set first_seen = now() - interval '73 hours'`)
	b.Exec(`update delivery.redelivery set due_at = now()`)
	require.NoError(t, b.claimAgain(1)[0].Bury(t.Context(), b.relay, b.count, 503, "not yet"))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter`))
	require.Zero(t, b.Count(`from delivery.redelivery`))
}

func TestRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	letter := deliverytest.Letter("payment", e, 503, "not handled yet")
	require.Equal(t, delivery.Recorded, b.record(letter))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where id::text = $1 and consumer = 'payment' and source = $2 and event_id = $3
		and type = $4 and subject = $5 and correlation_id = $6 and traceparent = $7 and extensions = jsonb_build_object('partitionkey', $8::text)
		and content_type = 'application/json' and data = $9 and error_code = 503 and reason = 'not handled yet'
		and attempts = 1 and status = 'open' and times = 1`,
		delivery.IDOf(letter), e.Source, e.ID, e.Type, e.Subject, e.CorrelationID, e.TraceParent, e.PartitionKey, e.Data))
	hash := fn.PayloadHash(string(e.Type), e.Data)
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where payload_hash = $1`, hash[:]))

	require.Equal(t, delivery.Known, b.record(letter))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where times = 2`))

	other := letter
	other.Consumer = "receipt"
	require.Equal(t, delivery.Recorded, b.record(other), "each consumer has its own")
	forged := letter
	forged.Data = []byte(`{"amount_minor":999}`)
	require.Equal(t, delivery.Recorded, b.record(forged), "the same id with another payload is another letter")
	require.Equal(t, 3, b.Count(`from delivery.dead_letter`))
}

// TestRecordAgain: open again after a replay, and not after a person threw it
// away.
func TestRecordAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for status, want := range map[string]struct {
		verdict delivery.Verdict
		then    string
	}{
		"open":      {delivery.Known, "open"},
		"replaying": {delivery.Recorded, "open"},
		"replayed":  {delivery.Recorded, "open"},
		"discarded": {delivery.Known, "discarded"},
	} {
		letter := deliverytest.Letter("payment", b.Sent(time.Minute), 400, "first")
		require.Equal(t, delivery.Recorded, b.record(letter))
		b.Exec(`update delivery.dead_letter set status = $2 where event_id = $1`, letter.EventID, status)
		letter.Reason, letter.Code = "second", 422
		require.Equal(t, want.verdict, b.record(letter), status)
		require.Equal(t, 1, b.Count(`from delivery.dead_letter where event_id = $1 and status = $2 and times = 2 and reason = 'second' and error_code = 422`,
			letter.EventID, want.then), status)
	}
}

// TestB27_Reasons: the consumer's own record comes first, then what the broker
// knows, and never nothing.
func TestB27_Reasons(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.Exec(`insert into delivery.failure (consumer, source, id, attempts, last_error) values ('payment', $1, $2, 6, 'the ledger is locked')`, e.Source, e.ID)
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("payment", e, 503, "not handled yet, try again")))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where reason = 'the ledger is locked' and attempts = 6`))
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("receipt", e, 400, "payload lacks x")))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'receipt' and reason = 'payload lacks x' and attempts = 1`))
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("query", e, 0, "")))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'query' and reason = 'no reason given' and error_code is null`))
	odd := deliverytest.Letter("notification", e, 500, "\x00odd \xff\xfebytes")
	require.Equal(t, delivery.Recorded, b.record(odd))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'notification' and reason = 'odd ?bytes'`))
	bare := deliverytest.Letter("banking", fn.Envelope{ID: "x", Source: "/y", Type: "z"}, 400, "no payload")
	require.Equal(t, delivery.Recorded, b.record(bare))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'banking' and data = ''`))
}

// TestDeadLettersThatAreNone: the consumer has done it after all, or is at it.
func TestDeadLettersThatAreNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	done, busy := b.Sent(time.Minute), b.Sent(time.Minute)
	b.Done("payment", done)
	b.Claimed("payment", busy, time.Minute)
	require.Equal(t, delivery.Settled, b.record(deliverytest.Letter("payment", done, 503, "")))
	require.Equal(t, delivery.Waiting, b.record(deliverytest.Letter("payment", busy, 409, "")))
	require.Equal(t, delivery.Waiting, b.record(deliverytest.Letter("payment", busy, 409, "")))
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where id = $1 and why = 'unheard' and due_at > now()`, busy.ID))

	// Claimed, and what the broker heard passes: it is delivered again.
	require.Equal(t, delivery.Waiting, b.record(deliverytest.Letter("payment", busy, 503, "")))
	require.Equal(t, delivery.Waiting, b.record(deliverytest.Letter("payment", busy, 0, "")))
	// Claimed, and refused for good: that is one.
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("payment", busy, 422, "")))
	// Claimed for longer than anybody should wait: a person must look.
	old := b.Sent(time.Minute)
	b.Claimed("payment", old, -time.Minute)
	b.Exec(`update delivery.idempotency set first_seen = now() - interval '73 hours' where id = $1`, old.ID)
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("payment", old, 503, "")))
	// Done with another payload: that is not this event.
	forged := deliverytest.Letter("payment", done, 422, "another payload")
	forged.Data = []byte(`{}`)
	require.Equal(t, delivery.Recorded, b.record(forged))
}
