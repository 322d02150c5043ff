package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"quittance.dev/cmd/internal/emulators"
	"quittance.dev/config"
)

// settings of the process. Port is of the first system; see the list in ports.
type settings struct {
	Books       string `env:"BOOKS, default=/books"`
	Credentials string `env:"CREDENTIALS, default=/secrets/credentials"`
	CertFile    string `env:"CERT_FILE, default=/secrets/tls/tls.crt"`
	KeyFile     string `env:"KEY_FILE, default=/secrets/tls/tls.key"`
	ClientCA    string `env:"CLIENT_CA_FILE, default=/secrets/tls/ca.crt"`
	WebhookURL  string `env:"WEBHOOK_URL"`
	Host        string `env:"HOST"` // to listen on; empty is everywhere
	Port        int    `env:"PORT, default=8440"`
}

// The doors, in the order of their ports from settings.Port on. admin is the one
// for people: plain HTTP, the books and the moods.
var ports = []string{"mambu", "e", "stripe", "mail", "sms", admin, "issuer"}

const admin = "admin"

// withCertificate is the system that takes nobody without a client certificate.
const withCertificate = "e"

func run(ctx context.Context, lookup func(string) (string, bool), logger *slog.Logger) (err error) {
	var c settings
	if err := config.Load(ctx, lookup, &c); err != nil {
		return err
	}
	set, err := emulators.Start(emulators.Options{
		Folder: c.Books, Credentials: c.Credentials, ClientCertificates: true,
		WebhookURL: c.WebhookURL, Webhooks: http.DefaultTransport, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	doors := set.Doors()
	doors[admin] = withHealth(set.Admin())
	failed := make(chan error, len(ports))
	for i, name := range ports {
		server, listener, err := open(ctx, c, name, c.Port+i, doors[name])
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }() // what is under way is cut, as by a real outage
		go func() { failed <- server.Serve(listener) }()
	}
	logger.Info("serving", "books", c.Books, "ports", fmt.Sprintf("%d-%d", c.Port, c.Port+len(ports)-1))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// open listens at a port, over TLS for all but people.
func open(ctx context.Context, c settings, name string, port int, handler http.Handler) (*http.Server, net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(port)))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for %s: %w", name, err)
	}
	if name != admin {
		secure, err := c.tls(name)
		if err != nil {
			_ = listener.Close() // nothing came in yet
			return nil, nil, err
		}
		listener = tls.NewListener(listener, secure)
	}
	return &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}, listener, nil
}

// tls reads the certificate for every connection, so it may be renewed.
func (c settings) tls(name string) (*tls.Config, error) {
	secure := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			return &pair, err
		},
	}
	if name != withCertificate {
		return secure, nil
	}
	authorities, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("who may have signed %s's clients: %w", name, err)
	}
	secure.ClientCAs = x509.NewCertPool()
	if !secure.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s holds no certificate", c.ClientCA)
	}
	secure.ClientAuth = tls.VerifyClientCertIfGiven // E itself says what is missing
	return secure, nil
}

func withHealth(books http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", books)
	return mux
}
