package delivery

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

const scope = "quittance.dev/functions/delivery"

// Counters count what ended at the sink of a Trigger, or was buried:
//
//	quittance_dead_letters_recorded_total{consumer}   new, or open again
//	quittance_dead_letters_not_owed_total{consumer}   dropped: the consumer does not hear it
//
// after the commit that made it true, once.
type Counters struct{ recorded, notOwed metric.Int64Counter }

// NewCounters makes the counters on a provider, such as otel.GetMeterProvider.
func NewCounters(provider metric.MeterProvider) *Counters {
	meter := provider.Meter(scope)
	c := &Counters{}
	// Int64Counter only refuses an invalid name; a test reads these back.
	c.recorded, _ = meter.Int64Counter("quittance.dead_letters.recorded", metric.WithDescription("Dead letters that are new, or open again"))
	c.notOwed, _ = meter.Int64Counter("quittance.dead_letters.not_owed", metric.WithDescription("Events given up by the broker that their consumer does not hear, and that were dropped"))
	return c
}

// Recorded counts a dead letter recorded in tx.
func (c *Counters) Recorded(ctx context.Context, tx fn.Tx, consumer string) {
	tx.AfterCommit(func() { c.recorded.Add(ctx, 1, by(consumer)) })
}

// NotOwed counts an event that was dropped in tx.
func (c *Counters) NotOwed(ctx context.Context, tx fn.Tx, consumer string) {
	tx.AfterCommit(func() { c.notOwed.Add(ctx, 1, by(consumer)) })
}

// by names the consumer, if it is a function: the path of a sink is whatever
// somebody wrote there.
func by(consumer string) metric.AddOption {
	if !slices.ContainsFunc(events.Catalogue(), func(e events.Entry) bool { return slices.Contains(e.Hears, consumer) }) {
		consumer = "unknown"
	}
	return metric.WithAttributes(attribute.String("consumer", consumer))
}
