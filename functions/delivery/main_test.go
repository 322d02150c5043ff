package delivery_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is the log of a host whose lines nobody reads.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// bench is the delivery tables, under the roles that use them.
type bench struct {
	*deliverytest.Rows
	t     testing.TB
	db    *pgtest.DB
	relay *pgxpool.Pool
	count *delivery.Counters
}

func newBench(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	return &bench{Rows: deliverytest.NewRows(t, db.Pool("")), t: t, db: db, relay: db.Pool("quittance_relay"), count: delivery.NewCounters(noop.NewMeterProvider())}
}

// inTx runs work in a transaction of the named function, as the kernel does.
func (b *bench) inTx(name, role string, work func(context.Context, fn.Tx) error) {
	b.t.Helper()
	host := fn.NewHost(fn.Function{Name: name}, b.db.Pool(role), fn.Options{Logger: quiet})
	defer host.Close()
	_, err := host.Transact(context.Background(), "a command", "", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	require.NoError(b.t, err)
}

// record stores a dead letter under the role of the function that does.
func (b *bench) record(d delivery.DeadLetter) delivery.Verdict {
	b.t.Helper()
	var verdict delivery.Verdict
	err := pgx.BeginFunc(context.Background(), b.db.Pool("quittance_dead_letter"), func(tx pgx.Tx) (err error) {
		verdict, err = delivery.Record(context.Background(), tx, d)
		return err
	})
	require.NoError(b.t, err)
	return verdict
}
