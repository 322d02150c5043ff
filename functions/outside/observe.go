package outside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

type attrsKey struct{}

// WithAttrs adds attributes to the log line of every call made with the
// context, such as closure_id, account_id and step. Ids only: no personal data.
func WithAttrs(ctx context.Context, attrs ...slog.Attr) context.Context {
	have, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return context.WithValue(ctx, attrsKey{}, append(have[:len(have):len(have)], attrs...))
}

// observation is one call being watched: a span, an attempt count, a stopwatch.
type observation struct {
	ctx     context.Context
	options Options
	call    Call
	span    trace.Span
	tally   *tally
	began   time.Time
}

func (c *Client) observe(ctx context.Context, call Call) (context.Context, *observation) {
	seen := &observation{options: c.options, call: call, tally: new(tally), began: time.Now()}
	ctx, seen.span = otel.Tracer("quittance.dev/functions/outside").Start(ctx, c.options.System+" "+call.Op,
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("outside.system", c.options.System),
			attribute.String("outside.operation", call.Op),
			attribute.String("http.request.method", call.Method),
		))
	if u, err := url.Parse(call.URL); err == nil {
		seen.span.SetAttributes(attribute.String("server.address", u.Hostname()))
	}
	seen.ctx = context.WithValue(ctx, tallyKey{}, seen.tally)
	return seen.ctx, seen
}

func (o *observation) attempts() int { return int(o.tally.attempts.Load()) }

// end writes the line and closes the span.
func (o *observation) end(status int, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("system", o.options.System),
		slog.String("operation", o.call.Op),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(time.Since(o.began).Microseconds())/1000),
		slog.Int("attempts", o.attempts()),
	}
	if o.call.Key != "" {
		attrs = append(attrs, slog.String("idempotency_key", o.call.Key))
	}
	switch {
	case errors.Is(err, ErrMisconfigured), status == http.StatusUnauthorized, status == http.StatusForbidden:
		level = slog.LevelError
	case err != nil, status >= 500, status == http.StatusTooManyRequests:
		level = slog.LevelWarn
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
		o.span.SetStatus(codes.Error, err.Error())
	} else if status >= 400 {
		attrs = append(attrs, slog.String("error", fmt.Sprintf("status %d", status)))
		o.span.SetStatus(codes.Error, http.StatusText(status))
	}
	extra, _ := o.ctx.Value(attrsKey{}).([]slog.Attr)
	o.options.logger().LogAttrs(o.ctx, level, "outside call", append(attrs, extra...)...)
	o.span.SetAttributes(
		attribute.Int("http.response.status_code", status),
		attribute.Int("outside.attempts", o.attempts()),
	)
	o.span.End()
}
