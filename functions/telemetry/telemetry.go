// Package telemetry sets up what a process tells about itself: JSON logs on
// standard error, metrics for Prometheus to fetch, traces over OTLP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.26.0"

	"quittance.dev/config"
)

// Logger makes the process's logger: one JSON object per line.
func Logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// Start installs the global providers for metrics and traces. It returns the
// handler of /metrics and a function that flushes and stops both.
func Start(ctx context.Context, service string, c config.Telemetry) (http.Handler, func(context.Context) error, error) {
	res := resource.NewSchemaless(semconv.ServiceName(service), semconv.ServiceNamespace("quittance"))
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res))
	otel.SetMeterProvider(meters)
	otel.SetTextMapPropagator(propagation.TraceContext{})

	stop := meters.Shutdown
	if c.Endpoint != "" {
		// The variable names the collector; traces have a path there
		// (opentelemetry.io/docs/specs/otel/protocol/exporter).
		to, err := url.JoinPath(c.Endpoint, "v1/traces")
		if err != nil {
			return nil, nil, fmt.Errorf("traces: %w", err)
		}
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to))
		if err != nil {
			return nil, nil, fmt.Errorf("traces: %w", err)
		}
		tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.SampleRatio))))
		otel.SetTracerProvider(tracers)
		stop = func(ctx context.Context) error {
			return errors.Join(tracers.Shutdown(ctx), meters.Shutdown(ctx))
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), stop, nil
}
