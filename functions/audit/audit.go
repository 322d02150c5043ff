package audit

import (
	"context"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/idempotency"
	"quittance.dev/functions/report"
)

// partitionsAhead is how many days of partitions exist in advance.
const partitionsAhead = 2

// purgedAtOnce bounds how many answers of old requests a tick takes away: with a
// tick every ten seconds some eight million a day.
const purgedAtOnce = 1000

// endedAtOnce bounds how many expired reports a tick takes away: each may have
// thousands of keys.
const endedAtOnce = 100

// New makes the function. deadline is how long after the broker took an event
// every consumer must have handled it; it must be over the Triggers' whole
// span of retries.
func New(deadline time.Duration) fn.Function {
	return fn.Function{Name: "audit", Handlers: []fn.Handler{
		fn.Local(func(ctx context.Context, tx fn.Tx, _ fn.In[events.Tick]) ([]events.Data, error) {
			if err := delivery.MakePartitions(ctx, tx, partitionsAhead); err != nil {
				return nil, err
			}
			if err := report.MakePartitions(ctx, tx, partitionsAhead); err != nil {
				return nil, err
			}
			if _, err := report.Purge(ctx, tx, endedAtOnce); err != nil {
				return nil, err
			}
			if _, err := idempotency.Purge(ctx, tx, purgedAtOnce); err != nil {
				return nil, err
			}
			missing, err := delivery.QueueUnheard(ctx, tx, deadline)
			if err != nil {
				return nil, err
			}
			said := make([]events.Data, len(missing))
			for i, m := range missing {
				said[i] = fn.Correlated{CorrelationID: m.CorrelationID, Data: events.AuditFinding{
					FindingID: fn.DeriveID("unheard", m.Consumer, m.Source, m.ID),
					Check:     "unheard", Consumer: m.Consumer, EventID: m.ID,
				}}
			}
			return said, nil
		}),
	}}
}
