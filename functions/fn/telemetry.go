package fn

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const scope = "quittance.dev/functions/fn"

type logKey struct{}

// WithLog adds key-value pairs to every line that is logged under ctx: the
// journey, the account, the closure, the step. Ids only, never personal data.
func WithLog(ctx context.Context, pairs ...any) context.Context {
	before, _ := ctx.Value(logKey{}).([]any)
	return context.WithValue(ctx, logKey{}, append(before[:len(before):len(before)], pairs...))
}

// LogPairs are the pairs that WithLog collected.
func LogPairs(ctx context.Context) []any {
	pairs, _ := ctx.Value(logKey{}).([]any)
	return pairs
}

type loggerKey struct{}

func withLogger(ctx context.Context, l *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, l)
}

// Log is the logger of the function that handles ctx's event, with the pairs
// that WithLog collected.
func Log(ctx context.Context) *slog.Logger {
	logger, ok := ctx.Value(loggerKey{}).(*slog.Logger)
	if !ok {
		logger = slog.Default()
	}
	return logger.With(LogPairs(ctx)...)
}

func (h *Host) log(ctx context.Context) *slog.Logger {
	return h.logger.With(LogPairs(ctx)...)
}

// note logs what happens with every event, without building a logger for it.
func (h *Host) note(ctx context.Context, level slog.Level, message string, pairs ...any) {
	if h.logger.Enabled(ctx, level) {
		h.logger.Log(ctx, level, message, append(pairs, LogPairs(ctx)...)...)
	}
}

// metrics of one function. Meanings and alerts: docs/observability.md.
type metrics struct {
	function   attribute.KeyValue
	deliveries metric.Int64Counter
	duration   metric.Float64Histogram
	groupSize  metric.Int64Histogram
	retries    metric.Int64Counter
	deferrals  metric.Int64Counter
	alarms     metric.Int64Counter

	// sets are the attributes of deliveries by type and answer. Both are few:
	// a type that is not heard counts as unknown.
	sets sync.Map
}

type deliveryKind struct {
	eventType string
	answer    Answer
}

func newMetrics(function string) *metrics {
	meter := otel.Meter(scope)
	m := &metrics{function: attribute.String("function", function)}
	// The only error these can return is an invalid name; the names are
	// constants and the telemetry test reads every one of them back.
	m.deliveries, _ = meter.Int64Counter("quittance.deliveries", metric.WithDescription("Events delivered to a function, by answer"))
	m.duration, _ = meter.Float64Histogram("quittance.delivery.duration", metric.WithUnit("s"), SecondsBuckets(), metric.WithDescription("Time from request to answer"))
	m.groupSize, _ = meter.Int64Histogram("quittance.group.size",
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128), metric.WithDescription("Events that shared a transaction"))
	m.retries, _ = meter.Int64Counter("quittance.transaction.retries", metric.WithDescription("Transactions that Postgres asked to run again"))
	m.deferrals, _ = meter.Int64Counter("quittance.deferrals", metric.WithDescription("Outside calls whose outcome stayed unknown and was put off"))
	m.alarms, _ = meter.Int64Counter("quittance.alarms", metric.WithDescription("Things that must never happen, by kind"))
	return m
}

// SecondsBuckets are the edges of every histogram of seconds. OpenTelemetry's
// own are meant for milliseconds: everything under 5 s would be in one bucket.
// The alerts' limits are edges, so that a quantile is exact there; 8 s is the
// deadline of a delivery.
func SecondsBuckets() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8, 10)
}

func (m *metrics) delivery(ctx context.Context, eventType string, answer Answer, took time.Duration) {
	kind := deliveryKind{eventType, answer}
	cached, ok := m.sets.Load(kind)
	if !ok {
		cached, _ = m.sets.LoadOrStore(kind, metric.WithAttributeSet(attribute.NewSet(
			m.function, attribute.String("type", eventType), attribute.Int("answer", int(answer)))))
	}
	set := cached.(metric.MeasurementOption)
	m.deliveries.Add(ctx, 1, set)
	m.duration.Record(ctx, took.Seconds(), set)
}

func (m *metrics) group(size int) {
	m.groupSize.Record(context.Background(), int64(size), metric.WithAttributes(m.function))
}

func (m *metrics) retry(ctx context.Context) {
	m.retries.Add(ctx, 1, metric.WithAttributes(m.function))
}

func (m *metrics) deferred(ctx context.Context, eventType string) {
	m.deferrals.Add(ctx, 1, metric.WithAttributes(m.function, attribute.String("type", eventType)))
}

func (m *metrics) alarm(ctx context.Context, kind string) {
	m.alarms.Add(ctx, 1, metric.WithAttributes(m.function, attribute.String("kind", kind)))
}

// span starts the span of one delivery under the caller's trace: the header if
// there is one, else the event's own extension, which outlives the broker.
func (h *Host) span(ctx context.Context, r *http.Request, e *received) (context.Context, trace.Span) {
	carrier := propagation.MapCarrier{"traceparent": r.Header.Get("Traceparent")}
	if carrier["traceparent"] == "" {
		carrier["traceparent"] = e.traceParent
	}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	return otel.Tracer(scope).Start(ctx, h.function.Name+" "+string(e.eventType),
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attributes("messaging.message.id", e.id, "correlation_id", e.correlationID)...))
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, answerName(answerTo(err)))
	}
	span.End()
}

func answerName(a Answer) string { return http.StatusText(int(a)) }

// traceParent is the W3C header of ctx's span, or otherwise what came in.
func traceParent(ctx context.Context, otherwise string) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if tp := carrier["traceparent"]; tp != "" {
		return tp
	}
	return otherwise
}
