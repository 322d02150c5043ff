package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"quittance.dev/functions/secret"
)

// Trust is whose certificates a Broker may show: those that the system's
// authorities signed, those of CACerts, and those of the bundles in Folder.
// The zero value is the system's authorities alone.
type Trust struct {
	// CACerts are certificates in PEM: K_CA_CERTS, as a SinkBinding gives them.
	// When they change, the platform starts the process anew.
	CACerts string
	// Folder holds further certificates in PEM, in one file or many: the
	// platform's trust bundles, mounted. They are read for each new connection,
	// so a changed bundle is used without a restart. There need be no such folder.
	Folder string
}

// Transport gives a transport that opens at most idle connections per host and
// keeps them, and trusts what t says. Nothing of a request is sent, a token
// least of all, before the other side has shown a certificate that it trusts.
//
// CACerts without any certificate are an error: a Broker's address was given
// with an authority that nobody could be checked against.
func (t Trust) Transport(idle int) (*http.Transport, error) {
	if t.CACerts != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CACerts)) {
		return nil, errors.New("K_CA_CERTS holds no certificate")
	}
	d := &dialer{trust: t, net: net.Dialer{Timeout: handshakeTimeout, KeepAlive: 30 * time.Second}}
	return &http.Transport{
		DialContext:         d.net.DialContext,
		DialTLSContext:      d.dial,
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     90 * time.Second,
	}, nil
}

// handshakeTimeout bounds the opening of a connection, and then its handshake.
const handshakeTimeout = 10 * time.Second

type dialer struct {
	trust Trust
	net   net.Dialer
	last  atomic.Pointer[x509.CertPool] // what was whole the last time
}

// dial opens a connection and finishes the handshake on it.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	raw, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(raw, &tls.Config{RootCAs: d.roots(), ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return conn, nil
}

// roots are those of now. A bundle that is half written or cannot be read
// changes nothing: what was whole before stays in use. If there never was
// anything whole, what is good of it must do.
func (d *dialer) roots() *x509.CertPool {
	pool, err := d.trust.read()
	if err == nil {
		d.last.Store(pool)
		return pool
	}
	slog.Warn("the trust bundles are not good", "error", err)
	if last := d.last.Load(); last != nil {
		return last
	}
	return pool
}

// read gives what can be trusted, and what is wrong with the rest.
func (t Trust) read() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image need not have any
	}
	pool.AppendCertsFromPEM([]byte(t.CACerts))
	if t.Folder == "" {
		return pool, nil
	}
	bundles, err := secret.Files(t.Folder)
	wrong := []error{err}
	for name, bundle := range bundles {
		if !pool.AppendCertsFromPEM(bundle) {
			wrong = append(wrong, fmt.Errorf("no certificate in %s", name))
		}
	}
	return pool, errors.Join(wrong...)
}
