package relay_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an outbox, a broker and the consumers, and relays between them.
type bench struct {
	*deliverytest.Rows
	t         testing.TB
	db        *pgtest.DB
	broker    *deliverytest.Ear
	consumers *deliverytest.Ear
	moved     atomic.Pointer[string] // where the broker is instead
}

func newBench(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	return &bench{
		Rows: deliverytest.NewRows(t, db.Pool("")), t: t, db: db,
		broker: deliverytest.NewEar(t), consumers: deliverytest.NewEar(t),
	}
}

// running is a relay that was started.
type running struct {
	stop context.CancelFunc
	done chan struct{}
}

// end stops the relay and waits for it.
func (r *running) end() { r.stop(); <-r.done }

// start runs a relay under its own role until the test ends.
func (b *bench) start(o relay.Options) *running {
	b.t.Helper()
	o.BrokerURL = func(name events.Broker) string {
		if moved := b.moved.Load(); moved != nil {
			return *moved
		}
		return b.broker.URL + "/quittance/" + string(name)
	}
	o.ConsumerURL = func(name string) string { return b.consumers.URL + "/" + name }
	if o.Keys == nil {
		o.Keys = fntest.Keys
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Sweep == 0 {
		o.Sweep = 50 * time.Millisecond
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, done: make(chan struct{})}
	carrier := relay.New(b.db.Pool("quittance_relay"), o)
	go func() {
		defer close(r.done)
		if err := carrier.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.t.Cleanup(r.end)
	return r
}

const (
	unsent = `from delivery.queue`
	sent   = `from delivery.outbox o where not exists (select from delivery.queue q where q.source = o.source and q.id = o.id)`
)

// failing makes a hook that fails the first time at point.
func failing(point string, err error) (hook func(string) error, failed *sync.WaitGroup) {
	failed = &sync.WaitGroup{}
	failed.Add(1)
	var once sync.Once
	return func(p string) error {
		var fails error
		if p == point {
			once.Do(func() { fails = err; failed.Done() })
		}
		return fails
	}, failed
}
