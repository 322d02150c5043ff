// Package serve runs one function as a process of its own: configuration,
// database, telemetry, HTTP, and an orderly end. While the database's schema is
// older than the build needs it answers 503, and /readyz says so.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"knative.dev/pkg/network/handlers"
	"knative.dev/pkg/signals"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/signing"
	"quittance.dev/functions/telemetry"
)

// Process is what a main gets to build its function from.
type Process struct {
	Name   string
	Config config.Service
	Pool   *pgxpool.Pool
	Logger *slog.Logger
}

// Parts are what a process runs.
type Parts struct {
	// Handler answers HTTP; /healthz, /readyz and /metrics are served beside it.
	Handler http.Handler
	// Run, if set, works in the background until its context ends. Like Handler,
	// it is not called before the schema is the one that this build needs.
	Run func(context.Context) error
	// Close, if set, is called when the last request has been answered.
	Close func()
}

// Function builds the parts of a process that hosts one function.
func Function(build func(ctx context.Context, lookup Lookup) (fn.Function, error)) Build {
	return func(ctx context.Context, p Process, lookup Lookup) (Parts, error) {
		f, err := build(ctx, lookup)
		if err != nil {
			return Parts{}, err
		}
		o := fn.Options{Logger: p.Logger, Deadline: p.Config.Deadline}
		switch file := p.Config.EventKeysFile; {
		case file != "":
			o.Keys = signing.File(file)
			if direct, caller := p.Config.DirectEventKeysFile, events.Caller(f.Name); direct != "" && caller != "" {
				o.Keys = o.Keys.Direct(fn.Source(caller), signing.File(direct))
			}
		case events.Verifies(f.Name):
			return Parts{}, fmt.Errorf("EVENT_KEYS_FILE is not set, and %s handles signed events only", f.Name)
		}
		host := fn.NewHost(f, p.Pool, o)
		return Parts{Handler: host, Close: host.Close}, nil
	}
}

// Lookup reads one variable of the environment.
type Lookup = func(string) (string, bool)

// Build makes the parts of a process.
type Build func(ctx context.Context, p Process, lookup Lookup) (Parts, error)

// Main runs the process until the operating system asks it to end, and exits
// with 1 if it could not start or did not end well.
func Main(name string, build Build) {
	ctx := signals.NewContext()
	if err := run(ctx, name, os.LookupEnv, build); err != nil {
		slog.Error("ended", "function", name, "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, lookup Lookup, build Build) (err error) {
	tuneMemory(lookup)
	p := Process{Name: name}
	if err := config.Load(ctx, lookup, &p.Config); err != nil {
		return err
	}
	if p.Logger, err = telemetry.Logger(os.Stderr, p.Config.LogLevel); err != nil {
		return err
	}
	slog.SetDefault(p.Logger)
	metrics, stopTelemetry, err := telemetry.Start(ctx, name, p.Config.Telemetry)
	if err != nil {
		return err
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, stopTelemetry(flush))
	}()
	if p.Pool, err = pgpool.Open(ctx, p.Config.Postgres, name); err != nil {
		return err
	}
	defer p.Pool.Close()
	parts, err := build(ctx, p, lookup)
	if err != nil {
		return err
	}
	if parts.Close != nil {
		defer parts.Close()
	}
	return serve(ctx, p, parts, metrics)
}

func serve(ctx context.Context, p Process, parts Parts, metrics http.Handler) error {
	ctx, end := context.WithCancel(ctx) // one part that fails ends the others
	defer end()
	schema := &gate{pool: p.Pool, logger: p.Logger}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /healthz", probe(func(context.Context) error { return nil }))
	mux.Handle("GET /readyz", probe(schema.ready))
	if parts.Handler != nil {
		mux.Handle("/", schema.hold(parts.Handler))
	}
	drainer := &handlers.Drainer{Inner: mux, QuietPeriod: p.Config.Drain}
	server := &http.Server{
		Handler: drainer, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+strconv.Itoa(p.Config.Port))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var background sync.WaitGroup
	failed := make(chan error, 2)
	background.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	if parts.Run != nil {
		background.Go(func() {
			if schema.wait(ctx); ctx.Err() != nil {
				return
			}
			if err := parts.Run(ctx); err != nil {
				failed <- err
			}
		})
	}
	p.Logger.Info("serving", "function", p.Name, "address", listener.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		quiet := make(chan struct{})
		background.Go(func() { drainer.Drain(); close(quiet) })
		select {
		case <-quiet:
		case <-time.After(2 * p.Config.Drain): // callers that do not stop
		}
	}
	end()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stop))
	background.Wait()
	return err
}

func probe(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := check(ctx); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
}

// heapGrowth lets the heap grow to five times what lives in it before it is
// collected: a function's live heap is a few megabytes, and collecting it all
// the time costs a tenth of the processor. GOGC has the last word.
const heapGrowth = 400

// memoryLimit is where collecting becomes eager all the same, well under the
// containers' limit of 128 MiB. GOMEMLIMIT has the last word.
const memoryLimit = 96 << 20

func tuneMemory(lookup Lookup) {
	if _, set := lookup("GOGC"); !set {
		debug.SetGCPercent(heapGrowth)
	}
	if _, set := lookup("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
