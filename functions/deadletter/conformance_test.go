package deadletter_test

import (
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	"quittance.dev/events"
	"quittance.dev/functions/deadletter"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// TestConformance: as every function's, but for what a sink does not do: it
// refuses no payload.
func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(name string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String() }
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) {
			return deadletter.New(delivery.NewCounters(noop.NewMeterProvider())), nil
		},
		Events: []events.Data{
			events.PaymentSubmitted{PaymentID: id("p"), InvoiceID: id("i"), AmountMinor: 1, Currency: "EUR"},
			events.ReceiptIssued{}, // one that no reader would take
		},
		AnyOrder: true,
	})
}
