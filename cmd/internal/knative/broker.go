package knative

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"quittance.dev/cmd/internal/memnet"
)

// Options say what to run.
type Options struct {
	// Manifests, from Load. They are not changed.
	Manifests *Manifests
	// Services are the handlers behind the Knative Services of the manifests'
	// namespace, by service name. Every Service that a Trigger, a dead-letter
	// sink or a PingSource refers to must be here.
	Services map[string]http.Handler
	// Weather disturbs deliveries; nil is calm for good.
	Weather *Weather
	// OnCrash is called when the weather has crashed a service, on the goroutine
	// of the delivery. May be nil.
	OnCrash func(service string)
	// Journal is told of every hop. May be nil, which costs nothing.
	Journal Journal
	// Logger takes what Knative's packages say; nil is silence. An event that
	// fails for good is logged several times, once by each of them.
	Logger *zap.Logger
	// TracerProvider and MeterProvider take Knative's spans and metrics; nil is
	// none.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider

	network func() *memnet.Network // nil: memnet.New
}

// A Broker is the running data plane of all Brokers in the manifests.
type Broker struct {
	namespace string
	hops      *hops
	flight    *flight
	plane     *dataPlane
	pings     *pings
	// inner carries what Knative's dispatchers send. outer is for everybody else:
	// the same names, but services answer directly, without weather and journal.
	inner, outer *memnet.Network
}

// Start runs the data plane and the PingSources' timers until Close. Values of
// ctx reach deliveries that outlive their request; its end stops the timers and
// those deliveries. A process runs one data plane at a time: a second Start is
// an error, also in tests.
func Start(ctx context.Context, o Options) (*Broker, error) {
	if o.Manifests == nil {
		return nil, errors.New("knative: no manifests")
	}
	o.fillIn()
	b := &Broker{namespace: o.Manifests.Namespace, flight: newFlight(ctx), inner: o.network(), outer: o.network()}
	b.hops = &hops{journal: o.Journal, weather: o.Weather, onCrash: o.OnCrash, attempts: newAttempts(), flight: b.flight}
	if err := claimProcess(b.inner); err != nil {
		return nil, errors.Join(err, b.closeNetworks())
	}
	if err := b.build(o); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	b.pings.start()
	return b, nil
}

func (o *Options) fillIn() {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Weather == nil {
		o.Weather = &Weather{}
	}
	if o.TracerProvider == nil {
		o.TracerProvider = tracenoop.NewTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = metricnoop.NewMeterProvider()
	}
	if o.network == nil {
		o.network = memnet.New
	}
}

func (b *Broker) build(o Options) (err error) {
	known := addressesOf(o)
	if b.plane, err = newDataPlane(o, known); err != nil {
		return err
	}
	if err := b.connect(o); err != nil {
		return err
	}
	b.pings, err = newPings(b.flight.ctx, o, known, b.inner.Transport())
	return err
}

// URL is where producers post to a Broker: what K_SINK is in a cluster. It does
// not tell whether there is such a Broker.
func (b *Broker) URL(broker string) string { return brokerURL(b.namespace, broker).String() }

// Transport reaches Brokers and services by their names in the cluster, and the
// outside world by its own. Services answer as they are: the weather is between
// a producer and a Broker, and between a Broker and its consumers.
func (b *Broker) Transport() http.RoundTripper { return b.outer.Transport() }

// Ingress takes events for all Brokers at POST /NAMESPACE/BROKER, as broker-ingress
// does in a cluster, for a listener that callers from outside can reach.
func (b *Broker) Ingress() http.Handler { return b.hops.ingress(b.plane.ingress) }

// Ping fires a PingSource now, besides its schedule, and waits for the sink's
// answer.
func (b *Broker) Ping(ctx context.Context, name string) error { return b.pings.fire(ctx, name) }

// Close stops the timers, waits for the requests that are under way and ends the
// data plane. When ctx is done first, it cuts them and returns ctx's error.
func (b *Broker) Close(ctx context.Context) error {
	b.pings.stop()
	err := errors.Join(b.outer.Shutdown(ctx), b.inner.Shutdown(ctx))
	if drained := b.flight.close(ctx); drained == nil {
		b.plane.close()
	} else {
		err = errors.Join(err, drained)
	}
	releaseProcess(b.inner)
	return err
}

func (b *Broker) closeNetworks() error {
	b.flight.cancel()
	return errors.Join(b.outer.Close(), b.inner.Close())
}
