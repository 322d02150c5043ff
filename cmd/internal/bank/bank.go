package bank

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/cmd/internal/emulators"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
	"quittance.dev/functions"
	"quittance.dev/functions/api"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/relay"
	"quittance.dev/functions/signing"
)

// namespace is the Kubernetes namespace of the manifests.
const namespace = "quittance"

// apiName is the function whose handler takes more than events.
const apiName = "api"

// reportKeys is the file of the keys that sign the cursors of reports, beside those
// of events.
const reportKeys = "reports"

// ledgerName is the function that the API asks straight.
const ledgerName = "ledger-posting"

// issuerPath is where the workbench has the issuer of access tokens.
const issuerPath = "/issuer"

// Options of a bank.
type Options struct {
	DataDir   string           // everything that must outlive the process
	Infra     fs.FS            // the tree of manifests
	API       string           // address of the API, host:port
	Workbench string           // address of what is for developers only, host:port
	Weather   *knative.Weather // nil is calm
	Journal   knative.Journal  // told of every hop; may be nil
	Metrics   http.Handler     // served on the workbench; may be nil
	Logger    *slog.Logger
	// Limits of each caller of the API; the API's default when zero.
	Limits api.Limits
	// AuditDeadline is how long an event may stay unheard; default 20 s, over
	// the Triggers' span of retries.
	AuditDeadline time.Duration
}

// Bank is a running bank.
type Bank struct {
	Outside  *emulators.Set
	Broker   *knative.Broker
	Owner    *pgxpool.Pool // as the owner of everything, for looking
	Postgres *pgserver.Server
	APIURL   string
	BenchURL string
	Keys     *signing.Signer // with which the relay signs events
	// IssuerURL is where people of the laptop sign in.
	IssuerURL string

	reportKeys *signing.Ring // with which the API signs the cursors of reports

	relay   atomic.Pointer[relay.Relay]
	closers []func(context.Context) error // in the order of the start
}

// Start brings everything up and returns when the API answers.
func Start(ctx context.Context, o Options) (_ *Bank, err error) {
	if o.AuditDeadline == 0 {
		o.AuditDeadline = 20 * time.Second
	}
	b := &Bank{}
	defer func() {
		if err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			defer cancel()
			err = errors.Join(err, b.Close(stop))
		}
	}()
	unlock, err := lockFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { return unlock() })
	manifests, err := knative.LoadInfra(namespace, o.Infra)
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	// The transport is there before the broker that it will reach: the card
	// processor's webhooks and the API need it.
	late := &lateTransport{}
	if b.Outside, err = emulators.Start(emulators.Options{
		Folder:     filepath.Join(o.DataDir, "outside"),
		WebhookURL: "http://" + serviceHost(apiName) + "/webhooks/stripe", Webhooks: late, Logger: o.Logger,
	}); err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { return b.Outside.Close() })
	clients, err := b.Outside.Clients()
	if err != nil {
		return nil, err
	}
	all := functions.All(functions.Outside{
		Mambu: clients.Mambu, E: clients.E, Cards: clients.Stripe, Mail: clients.Mail, Text: clients.SMS,
	}, functions.Settings{
		AuditDeadline: o.AuditDeadline, Notify: notify.Config{From: emulators.From},
	})
	keys := filepath.Join(o.DataDir, "keys")
	shared := append(events.Verifying(), events.Calling()...)
	if err := signing.Generate(keys, append(shared, reportKeys)...); err != nil {
		return nil, err
	}
	b.Keys = signing.Folder(keys, shared...)
	b.reportKeys = signing.File(filepath.Join(keys, reportKeys))
	if b.Postgres, err = startPostgres(ctx, filepath.Join(o.DataDir, "postgres"), o.Logger); err != nil {
		return nil, err
	}
	b.onClose(b.Postgres.Stop)
	if b.Owner, err = pgxpool.New(ctx, b.Postgres.ConnString(database, pgserver.Superuser)); err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { b.Owner.Close(); return nil })
	services, err := b.host(ctx, o, all, clients, late)
	if err != nil {
		return nil, err
	}
	if b.Broker, err = knative.Start(ctx, knative.Options{
		Manifests: manifests, Services: services, Weather: o.Weather, Journal: o.Journal,
	}); err != nil {
		return nil, err
	}
	b.onClose(b.Broker.Close)
	late.set(b.Broker.Transport())
	if err := b.startRelay(ctx, o); err != nil {
		return nil, err
	}
	return b, b.listen(ctx, o, services[apiName])
}

// host makes every function's handler, on a pool of its own role.
func (b *Bank) host(ctx context.Context, o Options, all []fn.Function, clients emulators.Clients, network http.RoundTripper) (map[string]http.Handler, error) {
	services := map[string]http.Handler{}
	for _, f := range all {
		p, err := pool(ctx, b.Postgres, f.Name, 4)
		if err != nil {
			return nil, err
		}
		keys := b.Keys.Ring(f.Name)
		if caller := events.Caller(f.Name); caller != "" {
			keys = keys.Direct(fn.Source(caller), b.Keys.Ring(caller))
		}
		host := fn.NewHost(f, p, fn.Options{Logger: o.Logger, Ring: b.ring, Keys: keys})
		b.onClose(func(context.Context) error { host.Close(); p.Close(); return nil })
		services[f.Name] = host
		if f.Name == apiName {
			if services[f.Name], err = api.New(api.Options{
				Host: host, Logger: o.Logger, Tokens: clients.Tokens, Limits: o.Limits, ReportKeys: b.reportKeys, Webhooks: api.Secrets(clients.Webhooks),
				Ledger: direct.New(direct.Options{
					Consumer: ledgerName, URL: "http://" + serviceHost(ledgerName), Keys: b.Keys.Ring(apiName), Transport: network, Logger: o.Logger,
				}),
				DiscoveryURL: "http://" + o.Workbench + issuerPath + "/.well-known/openid-configuration",
			}); err != nil {
				return nil, err
			}
		}
	}
	return services, nil
}

// ring tells the relay of new events. Before there is one nobody need be told:
// it looks by itself when it starts.
func (b *Bank) ring() {
	if r := b.relay.Load(); r != nil {
		r.Wake()
	}
}

func (b *Bank) startRelay(ctx context.Context, o Options) error {
	p, err := pool(ctx, b.Postgres, "relay", 8)
	if err != nil {
		return err
	}
	r := relay.New(p, relay.Options{
		BrokerURL:   func(name events.Broker) string { return b.Broker.URL(string(name)) },
		ConsumerURL: func(name string) string { return "http://" + serviceHost(name) },
		Keys:        b.Keys,
		Client:      &http.Client{Transport: b.Broker.Transport()},
		Logger:      o.Logger,
	})
	b.relay.Store(r)
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { _ = r.Run(run) }) // ends with its context, without an error
	b.onClose(func(context.Context) error { stop(); done.Wait(); p.Close(); return nil })
	return nil
}

// listen opens the doors for callers from outside the process.
func (b *Bank) listen(ctx context.Context, o Options, apiHandler http.Handler) error {
	workbench := http.NewServeMux()
	workbench.Handle("/outside/", http.StripPrefix("/outside", b.Outside.Admin()))
	workbench.Handle(issuerPath+"/", http.StripPrefix(issuerPath, b.Outside.Issuer))
	workbench.Handle("POST /"+namespace+"/{broker}", b.Broker.Ingress())
	if o.Metrics != nil {
		workbench.Handle("GET /metrics", o.Metrics)
	}
	for _, door := range []struct {
		address string
		handler http.Handler
		url     *string
	}{{o.API, apiHandler, &b.APIURL}, {o.Workbench, workbench, &b.BenchURL}} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", door.address)
		if err != nil {
			return fmt.Errorf("listen: %w (choose another address with --api and --workbench)", err)
		}
		server := &http.Server{
			Handler: onlyLoopbackNames(listener.Addr(), door.handler), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		}
		go func() { _ = server.Serve(listener) }() // ends with Shutdown
		b.onClose(server.Shutdown)
		*door.url = "http://" + listener.Addr().String()
	}
	b.IssuerURL = b.BenchURL + issuerPath
	return nil
}

func serviceHost(name string) string { return name + "." + namespace + ".svc.cluster.local" }

func (b *Bank) onClose(close func(context.Context) error) { b.closers = append(b.closers, close) }

// Close stops everything in the reverse order of the start.
func (b *Bank) Close(ctx context.Context) error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i](ctx))
	}
	b.closers = nil
	return errors.Join(errs...)
}

// lateTransport is a transport that is there before the network is.
type lateTransport struct {
	mu sync.RWMutex
	rt http.RoundTripper
}

var errNotYet = errors.New("the bank is not up yet")

func (l *lateTransport) set(rt http.RoundTripper) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rt = rt
}

// RoundTrip fails until the transport is set; whoever posts tries again.
func (l *lateTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.RLock()
	rt := l.rt
	l.mu.RUnlock()
	if rt == nil {
		return nil, errNotYet
	}
	return rt.RoundTrip(r)
}
