package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/config"
	"quittance.dev/functions/api"
	"quittance.dev/functions/telemetry"
)

// place is where a bank lives and listens.
type place struct {
	data, infra, api, workbench, logLevel string
	auditDeadline                         time.Duration // 0: the bank's default
	limits                                api.Limits    // of each caller; zero: the API's default
}

func (p *place) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.data, "data", ".quittance", "folder of everything that outlives the process")
	f.StringVar(&p.infra, "infra", "infra", "folder of the manifests: brokers, triggers, timers")
	f.StringVar(&p.api, "api", "127.0.0.1:8080", "address of the API")
	f.StringVar(&p.workbench, "workbench", "127.0.0.1:8081", "address of the outside systems' books, the brokers and the metrics")
	f.StringVar(&p.logLevel, "log-level", "INFO", "of the log file in the data folder: DEBUG, INFO, WARN or ERROR")
}

// start brings the bank up. Its log is a file in the data folder, so that the
// terminal is free for what a person wants to see.
func (p *place) start(ctx context.Context, weather *knative.Weather) (_ *bank.Bank, stop func(), err error) {
	if err := os.MkdirAll(p.data, 0o755); err != nil {
		return nil, nil, err
	}
	data, err := filepath.Abs(p.data)
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(filepath.Join(data, "bank.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	logger, err := telemetry.Logger(log, p.logLevel)
	if err != nil {
		return nil, nil, err
	}
	slog.SetDefault(logger)
	metrics, flush, err := telemetry.Start(ctx, "quittance", config.Telemetry{Endpoint: os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), SampleRatio: 1})
	if err != nil {
		return nil, nil, err
	}
	b, err := bank.Start(ctx, bank.Options{
		DataDir: data, Infra: os.DirFS(p.infra), API: p.api, Workbench: p.workbench,
		Weather: weather, Metrics: metrics, Logger: logger, AuditDeadline: p.auditDeadline, Limits: p.limits,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w (the log: %s)", err, log.Name())
	}
	return b, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		for _, end := range []func(context.Context) error{b.Close, flush} {
			if err := end(ctx); err != nil {
				logger.Error("did not end well", "error", err)
			}
		}
		_ = log.Close() // nothing is written to it any more
	}, nil
}

// began prints what a newcomer sees first.
func began(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "Quittance: Postgres, brokers, functions and the outside world are up after %s.\n", took.Round(10*time.Millisecond))
}
