package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 60 * time.Second
	headerLimit      = 64 << 10 // bytes of an answer's headers
)

// newTransport makes the transport that leaves the process. It speaks HTTP/1.1
// only: a cut connection then costs one call, not all that share it. It takes
// no proxy from the environment, which would see every request.
func newTransport(o Options) *http.Transport {
	d := &dialer{
		files: &tlsStore{files: o.TLS},
		net: net.Dialer{
			Timeout:   dialTimeout,
			KeepAlive: 30 * time.Second,
			ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
				return checkAddress(address, o.AllowPrivateNetwork)
			},
		},
	}
	return &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		DisableCompression:     true,
		MaxConnsPerHost:        o.MaxConns,
		MaxIdleConnsPerHost:    o.MaxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerLimit,
	}
}

type dialer struct {
	net   net.Dialer
	files *tlsStore
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, &unsentError{err}
	}
	return conn, nil
}

// dialTLS reads the TLS files for each new connection and finishes the
// handshake, both ways, before the transport may write a request.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &unsentError{misconfigured(err)}
	}
	config, err := d.files.config(host)
	if err != nil {
		return nil, &unsentError{misconfigured(err)}
	}
	raw, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		if badCertificate(err) {
			err = misconfigured(err)
		}
		return nil, &unsentError{fmt.Errorf("tls handshake: %w", err)}
	}
	return conn, nil
}

func badCertificate(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		host   x509.HostnameError
		op     *net.OpError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &host) ||
		errors.Is(err, errNoClientCertificate) ||
		(errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"))
}

// special are ranges that netip has no predicate for and that no public
// service lives in (IANA special-purpose address registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // NAT64: would reach any IPv4 address
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), // 6to4, same
}

// checkAddress is asked after name resolution, right before the connection is
// made, so a name that resolves differently the second time gains nothing.
func checkAddress(address string, private bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return misconfigured(fmt.Errorf("address %q: %w", address, err))
	}
	ip := ap.Addr().Unmap().WithZone("")
	never := ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast()
	inside := ip.IsLoopback() || ip.IsPrivate()
	for _, p := range special {
		inside = inside || p.Contains(ip)
	}
	if never || (inside && !private) {
		return misconfigured(fmt.Errorf("address %s is not allowed for an outside system", ip))
	}
	return nil
}
