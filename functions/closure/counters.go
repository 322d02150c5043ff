package closure

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"quittance.dev/functions/fn"
)

const scope = "quittance.dev/functions/closure"

// Counters count closures as they happen:
//
//	account_closure_started_total
//	account_closure_completed_total
//	account_closure_failed_total{step}   a definitive no, by the step that met it
//
// An attempt whose outcome is unknown is not a failure: it is made again. What
// is counted is counted after the commit that made it true, once.
type Counters struct {
	started, completed, failed metric.Int64Counter
}

// NewCounters makes the counters on a provider, such as otel.GetMeterProvider.
func NewCounters(provider metric.MeterProvider) *Counters {
	meter := provider.Meter(scope)
	c := &Counters{}
	// Int64Counter only refuses an invalid name; the test reads these back
	// from a scrape.
	c.started, _ = meter.Int64Counter("account_closure_started_total", metric.WithDescription("Closures opened"))
	c.completed, _ = meter.Int64Counter("account_closure_completed_total", metric.WithDescription("Closures that ended with the account closed everywhere"))
	c.failed, _ = meter.Int64Counter("account_closure_failed_total", metric.WithDescription("Closures that were refused, by step"))
	return c
}

// Started counts a closure opened in tx.
func (c *Counters) Started(ctx context.Context, tx fn.Tx) {
	tx.AfterCommit(func() { c.started.Add(ctx, 1) })
}

// Completed counts a closure that became CLOSED in tx.
func (c *Counters) Completed(ctx context.Context, tx fn.Tx) {
	tx.AfterCommit(func() { c.completed.Add(ctx, 1) })
}

// Failed counts a closure refused in tx.
func (c *Counters) Failed(ctx context.Context, tx fn.Tx, step Step) {
	tx.AfterCommit(func() { c.failed.Add(ctx, 1, metric.WithAttributes(attribute.String("step", string(step)))) })
}
