package relay

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"quittance.dev/functions/fn"
)

// metrics of the relay. Meanings and alerts: docs/observability.md.
type metrics struct {
	posts    metric.Int64Counter
	duration metric.Float64Histogram
	lag      metric.Float64Histogram
}

func newMetrics() *metrics {
	meter := otel.Meter("quittance.dev/functions/relay")
	m := &metrics{}
	// The only possible error is an invalid name; these are constants.
	m.posts, _ = meter.Int64Counter("quittance.relay.published", metric.WithDescription("Events posted to a broker, by whether it took them"))
	m.duration, _ = meter.Float64Histogram("quittance.relay.post.duration", metric.WithUnit("s"), fn.SecondsBuckets(), metric.WithDescription("Time until the broker answered"))
	m.lag, _ = meter.Float64Histogram("quittance.relay.lag", metric.WithUnit("s"), fn.SecondsBuckets(), metric.WithDescription("Time from commit to post"))
	return m
}

func (m *metrics) published(ctx context.Context, broker string, accepted bool, took, lag time.Duration) {
	set := metric.WithAttributes(attribute.String("broker", broker), attribute.Bool("accepted", accepted))
	m.posts.Add(ctx, 1, set)
	m.duration.Record(ctx, took.Seconds(), set)
	m.lag.Record(ctx, max(lag, 0).Seconds(), set)
}
