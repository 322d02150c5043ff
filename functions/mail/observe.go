package mail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"quittance.dev/functions/outside"
)

// observation is one conversation being watched. It writes the same line as the HTTP client of
// package outside does for a call, so that a reader of the log need not know which way a mail went.
type observation struct {
	ctx   context.Context
	log   *slog.Logger
	span  trace.Span
	began time.Time
}

func (s *SMTP) observe(ctx context.Context) *observation {
	ctx, span := otel.Tracer("quittance.dev/functions/mail").Start(ctx, smtpSystem+" send",
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("outside.system", smtpSystem),
			attribute.String("outside.operation", "send"),
			attribute.String("server.address", s.config.Host),
		))
	return &observation{ctx: ctx, log: s.log, span: span, began: time.Now()}
}

func (o *observation) end(r Receipt, err error) {
	level, outcome := slog.LevelInfo, "confirmed"
	switch {
	case errors.Is(err, outside.ErrMisconfigured):
		level, outcome = slog.LevelError, "unknown"
	case err != nil:
		level, outcome = slog.LevelWarn, "unknown"
	case r.Refusal != nil:
		outcome = "refused"
	}
	attrs := []slog.Attr{
		slog.String("system", smtpSystem),
		slog.String("operation", "send"),
		slog.String("outcome", outcome),
		slog.Float64("duration_ms", float64(time.Since(o.began).Microseconds())/1000),
	}
	if r.Refusal != nil {
		attrs = append(attrs, slog.String("refusal", r.Refusal.Code))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
		o.span.SetStatus(codes.Error, err.Error())
	}
	o.log.LogAttrs(o.ctx, level, "outside call", attrs...)
	o.span.SetAttributes(attribute.String("outside.outcome", outcome))
	o.span.End()
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
