package outside

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
)

// TLSFiles name the PEM files of a mutual TLS connection. They are read for
// each new connection, so a rotated certificate is used without a restart.
type TLSFiles struct {
	Cert string // our client certificate, with its chain
	Key  string // its private key
	CA   string // who may have signed the server's certificate; empty: the system's roots

	// ServerName is the name that the server's certificate must carry, if it
	// is not the host of the address.
	ServerName string
}

var errNoClientCertificate = errors.New("the server asks for a client certificate and none is configured")

// tlsStore reads the files and remembers the last pair and roots that were
// whole, to stand in while a rotation is half done.
type tlsStore struct {
	files TLSFiles
	pair  atomic.Pointer[tls.Certificate]
	roots atomic.Pointer[x509.CertPool]
}

func (s *tlsStore) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, NextProtos: []string{"http/1.1"}}
	if s.files.ServerName != "" {
		c.ServerName = s.files.ServerName
	}
	roots, err := lastGood(&s.roots, s.readRoots)
	if err != nil {
		return nil, err
	}
	c.RootCAs = roots
	pair, err := lastGood(&s.pair, s.readPair)
	if err != nil {
		return nil, err
	}
	// In TLS 1.3 a server may turn a client without a certificate away only
	// after the request was sent; stopping here keeps the body at home.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if pair == nil {
			return nil, errNoClientCertificate
		}
		return pair, nil
	}
	return c, nil
}

func (s *tlsStore) readPair() (*tls.Certificate, error) {
	if s.files.Cert == "" && s.files.Key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &pair, nil
}

func (s *tlsStore) readRoots() (*x509.CertPool, error) {
	if s.files.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.files.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca: no certificate in %s", s.files.CA)
	}
	return pool, nil
}

func lastGood[T any](last *atomic.Pointer[T], read func() (*T, error)) (*T, error) {
	v, err := read()
	if err == nil {
		last.Store(v)
		return v, nil
	}
	if v := last.Load(); v != nil {
		slog.Warn("the files of a TLS connection are not good, what was read before stays in use", "error", err)
		return v, nil
	}
	return nil, err
}
