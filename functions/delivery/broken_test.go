package delivery_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
)

// refuse has Postgres refuse one kind of statement on a table, row by row.
func (b *bench) refuse(what, table string) {
	b.Exec(`create or replace function delivery.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`)
	b.Exec(`create or replace trigger refuse before ` + what + ` on ` + table + ` for each row execute function delivery.refuse()`)
}

// TestBrokenTables: every statement that fails says which, and leaves nothing
// behind.
func TestBrokenTables(t *testing.T) {
	t.Parallel()
	e := deliverytest.Event()
	record := func(code int) func(*bench) error {
		return func(b *bench) error {
			return pgx.BeginFunc(context.Background(), b.db.Pool("quittance_dead_letter"), func(tx pgx.Tx) error {
				_, err := delivery.Record(context.Background(), tx, deliverytest.Letter("payment", e, code, "x"))
				return err
			})
		}
	}
	audit := func(work func(context.Context, fn.Tx) error) func(*bench) error {
		return func(b *bench) error {
			host := fn.NewHost(fn.Function{Name: "audit"}, b.db.Pool("quittance_audit"), fn.Options{Logger: quiet})
			defer host.Close()
			_, err := host.Transact(context.Background(), "x", "", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) { return nil, work(ctx, tx) })
			return err
		}
	}
	queue := audit(func(ctx context.Context, tx fn.Tx) error {
		_, err := delivery.QueueUnheard(ctx, tx, time.Minute)
		return err
	})
	for want, tt := range map[string]struct {
		breaks func(*bench)
		do     func(*bench) error
	}{
		"lock the audit mark":                        {func(b *bench) { b.Exec(`revoke update on delivery.audit_mark from quittance_audit`) }, queue},
		"look for unheard events: ERROR: permission": {func(b *bench) { b.Exec(`revoke select on delivery.subscription from quittance_audit`) }, queue},
		"look for unheard events: ERROR: refused":    {func(b *bench) { b.refuse("insert", "delivery.redelivery") }, queue},
		"move the audit mark":                        {func(b *bench) { b.refuse("update", "delivery.audit_mark") }, queue},
		"clear away what was audited":                {func(b *bench) { b.Exec(`revoke delete on delivery.sent from quittance_audit`) }, queue},
		"make partitions": {func(b *bench) {
			b.Exec(`revoke execute on function delivery.make_partitions(integer) from quittance_audit`)
		},
			audit(func(ctx context.Context, tx fn.Tx) error { return delivery.MakePartitions(ctx, tx, 1) })},
		"look for the consumer's row": {func(b *bench) { b.Exec(`revoke select on delivery.idempotency from quittance_dead_letter`) }, record(400)},
		"queue a redelivery": {func(b *bench) {
			archived := e
			b.Put(&archived)
			b.Claimed("payment", e, time.Hour)
			b.refuse("insert", "delivery.redelivery")
		}, record(409)},
		"record the dead letter": {func(b *bench) { b.refuse("insert", "delivery.dead_letter") }, record(400)},
		"claim unsent events": {func(b *bench) { b.Commit(1); b.refuse("update", "delivery.queue") },
			func(b *bench) error {
				_, err := delivery.ClaimUnsent(context.Background(), b.relay, payments(1), 0)
				return err
			}},
		"claim redeliveries": {func(b *bench) { b.refuse("update", "delivery.redelivery") },
			func(b *bench) error {
				_, err := delivery.ClaimRedeliveries(context.Background(), b.relay, 1, nil, 0)
				return err
			}},
		"bury redelivery: record the dead letter": {func(b *bench) { b.refuse("insert", "delivery.dead_letter") },
			func(b *bench) error { return b.claimAgain(1)[0].Bury(context.Background(), b.relay, b.count, 400, "x") }},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.Exec(`update delivery.audit_mark set audited_to = now() - interval '61 minutes'`)
			b.Owes("payment")
			b.Again("receipt", b.Sent(time.Hour))
			tt.breaks(b)
			require.ErrorContains(t, tt.do(b), want)
			require.Equal(t, 1, b.Count(`from delivery.redelivery`))
			require.Zero(t, b.Count(`from delivery.dead_letter`))
		})
	}
}
