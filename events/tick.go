package events

// TypeTick is what a PingSource sends. Knative names it, not we
// (knative.dev/docs, PingSource).
const TypeTick Type = "dev.knative.sources.ping"

// Tick is a wake-up by the clock. It carries nothing: what is due is computed
// from the database, because ticks are lost and doubled like everything else.
type Tick struct{}

// Type is TypeTick.
func (Tick) Type() Type { return TypeTick }

// Subject is empty: a tick is about nothing.
func (Tick) Subject() string { return "" }

// PartitionKey is empty: ticks have no order.
func (Tick) PartitionKey() string { return "" }

// Validate accepts every tick.
func (Tick) Validate() error { return nil }
