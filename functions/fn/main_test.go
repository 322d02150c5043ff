package fn_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
)

// meters is where the process counts, as telemetry.Start would arrange. Tests
// that read it are not parallel.
var meters = sdkmetric.NewManualReader()

func TestMain(m *testing.M) {
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(meters)))
	goleak.VerifyTestMain(m)
}

// counted is how much the counter of that name has under the attribute; since
// gives the difference to an earlier reading.
func counted(t testing.TB, name, key, value string) (sum int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, meters.Collect(context.Background(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			data, ok := m.Data.(metricdata.Sum[int64])
			if m.Name != name || !ok {
				continue
			}
			for _, point := range data.DataPoints {
				if v, ok := point.Attributes.Value(attribute.Key(key)); ok && v.String() == value {
					sum += point.Value
				}
			}
		}
	}
	return sum
}
