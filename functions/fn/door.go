package fn

import (
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Observe measures a function's own HTTP API: one span per request under the
// caller's trace, so that what Transact says carries it on, and count and
// duration by method, route and status. The route is the pattern that matched;
// next must have set it on the request by the time it returns, as
// http.ServeMux does.
func Observe(function string, next http.Handler) http.Handler {
	// As in newMetrics: the names are constants, so there is no error.
	duration, _ := otel.Meter(scope).Float64Histogram("quittance.http.duration",
		metric.WithUnit("s"), SecondsBuckets(), metric.WithDescription("Time from request to answer, by method, route and status"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := otel.Tracer(scope).Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(ctx)
		next.ServeHTTP(recorder, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		set := []attribute.KeyValue{
			attribute.String("function", function), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", recorder.status),
		}
		span.SetName(route)
		span.SetAttributes(set...)
		if recorder.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(recorder.status))
		}
		duration.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(set...))
	})
}

// statusRecorder remembers the status that was sent.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
