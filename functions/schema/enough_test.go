package schema_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

// TestA28_DeliverysRolesHaveEnough runs the statements of the three that look
// after deliveries, each as its own role: a grant too few stops money as surely
// as a grant too many endangers it.
func TestA28_DeliverysRolesHaveEnough(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, run(t, connect(t, db, ""), `
		insert into delivery.subscription (consumer, type, since) values ('c', 't', '2026-01-01');
		insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
		values ('lost', '/s', 't', '', '', 'journey', '', '', 'b', '{}', '2026-01-02'),
		       ('new', '/s', 't', '', '', 'journey', '', '', 'b', '{}', '2026-01-03');
		insert into delivery.queue (broker, source, id, created_at, due_at) values ('b', '/s', 'new', '2026-01-03', now());
		insert into delivery.sent (sent_at, sources, ids, created) values (now() - interval '1 hour', array['/s'], array['lost'], array['2026-01-02'::timestamptz])`))
	// Without data: what a poison event lacks must not keep it out of here.
	letter := delivery.DeadLetter{Consumer: "c", Source: "/s", EventID: "e", Type: "t", Extensions: map[string]string{}, Code: 503, Reason: "x"}
	as := func(role string, work func(fn.Tx) error) {
		require.NoError(t, pgx.BeginFunc(t.Context(), connect(t, db, role), func(tx pgx.Tx) error { return work(fn.NewTx(tx, time.Now())) }), role)
	}

	as("quittance_dead_letter", func(tx fn.Tx) error {
		for _, want := range []delivery.Verdict{delivery.Recorded, delivery.Known} {
			verdict, err := delivery.Record(t.Context(), tx, letter)
			require.NoError(t, err)
			require.Equal(t, want, verdict)
		}
		return nil
	})
	as("quittance_audit", func(tx fn.Tx) error {
		require.NoError(t, delivery.MakePartitions(t.Context(), tx, 9))
		missing, err := delivery.QueueUnheard(t.Context(), tx, time.Minute)
		require.NoError(t, err)
		require.Empty(t, missing, "the mark is where the migration put it")
		return nil
	})
	require.NoError(t, run(t, connect(t, db, ""), `update delivery.audit_mark set audited_to = '2026-01-01'`))
	as("quittance_audit", func(tx fn.Tx) error {
		missing, err := delivery.QueueUnheard(t.Context(), tx, time.Minute)
		require.NoError(t, err)
		require.Equal(t, []delivery.Missing{{Consumer: "c", Source: "/s", ID: "lost", CorrelationID: "journey"}}, missing)
		return nil
	})

	relay := db.Pool("quittance_relay")
	unsent, err := delivery.ClaimUnsent(t.Context(), relay, map[events.Broker]int{"b": 10}, time.Minute)
	require.NoError(t, err)
	require.Len(t, unsent, 1)
	require.NoError(t, delivery.Hold(t.Context(), relay, []int64{unsent[0].Seq}, time.Minute))
	require.NoError(t, delivery.Postpone(t.Context(), relay, []int64{unsent[0].Seq}, time.Minute))
	require.NoError(t, delivery.MarkSent(t.Context(), relay, []int64{unsent[0].Seq}))
	again, err := delivery.ClaimRedeliveries(t.Context(), relay, 10, nil, time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	require.NoError(t, again[0].Again(t.Context(), relay, time.Minute))
	require.NoError(t, again[0].Bury(t.Context(), relay, delivery.NewCounters(noop.NewMeterProvider()), 422, "x"))
	require.NoError(t, again[0].Finish(t.Context(), relay))
	owner := connect(t, db, "")
	require.Equal(t, []string{"e", "lost"}, column[string](t, owner, `select event_id from delivery.dead_letter order by 1`))
	require.Zero(t, one[int](t, owner, `select count(*) from delivery.redelivery`))
}
