package outside_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

// mutual is a server that asks for client certificates, and counts what gets
// through to it.
type mutual struct {
	*httptest.Server
	authority *outsidetest.Authority
	requests  atomic.Int64
	subject   atomic.Value // common name of the last client
}

func newMutual(t *testing.T, change func(*testing.T, *mutual, *tls.Config)) *mutual {
	t.Helper()
	authority, err := outsidetest.NewAuthority(t.TempDir(), "right")
	require.NoError(t, err)
	m := &mutual{authority: authority}
	cert, key, err := authority.Issue("server", time.Hour, "127.0.0.1")
	require.NoError(t, err)
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			m.subject.Store(r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	m.Config.ErrorLog = log.New(io.Discard, "", 0)
	m.TLS, err = authority.ServerTLS(cert, key)
	require.NoError(t, err)
	if change != nil {
		change(t, m, m.TLS)
	}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// client gives options with good files for the server.
func (m *mutual) client(t *testing.T) outside.Options {
	t.Helper()
	cert, key, err := m.authority.Issue("client", time.Hour)
	require.NoError(t, err)
	o := fast()
	o.AttemptTimeout, o.AllowPrivateNetwork = 5*time.Second, true
	o.TLS = outside.TLSFiles{Cert: cert, Key: key, CA: m.authority.CertFile}
	return o
}

func post(t *testing.T, o outside.Options, url string) (outside.Answer, error) {
	t.Helper()
	c := outside.New(o)
	defer c.HTTP().CloseIdleConnections()
	return c.Do(within(t, 10*time.Second), outside.Call{Op: "post", Method: "POST", URL: url, Body: []byte("canary"), Key: "k"})
}

func TestA30_MutualTLS(t *testing.T) {
	m := newMutual(t, nil)
	answer, err := post(t, m.client(t), m.URL)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "client", m.subject.Load())
}

// A30, E2: whatever is wrong with the connection, it fails closed: an alarm, no
// retry, and no request on the other side.
func TestA30_BadConnectionsFailClosed(t *testing.T) {
	other, err := outsidetest.NewAuthority(t.TempDir(), "other")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		server func(*testing.T, *mutual, *tls.Config)
		client func(*testing.T, *mutual, *outside.Options)
		url    func(*mutual) string
	}{
		"wrong CA": {client: func(_ *testing.T, _ *mutual, o *outside.Options) { o.TLS.CA = other.CertFile }},
		"server certificate of another authority": {server: func(t *testing.T, _ *mutual, c *tls.Config) {
			c.Certificates = pair(t, other, time.Hour, "127.0.0.1")
		}},
		"server certificate expired": {server: func(t *testing.T, m *mutual, c *tls.Config) {
			c.Certificates = pair(t, m.authority, -time.Minute, "127.0.0.1")
		}},
		"server certificate for another host": {server: func(t *testing.T, m *mutual, c *tls.Config) {
			c.Certificates = pair(t, m.authority, time.Hour, "elsewhere.invalid")
		}},
		"TLS 1.1": {server: func(_ *testing.T, _ *mutual, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}},
		"no client certificate": {client: func(_ *testing.T, _ *mutual, o *outside.Options) {
			o.TLS.Cert, o.TLS.Key = "", ""
		}},
		"no client certificate, TLS 1.2": {
			server: func(_ *testing.T, _ *mutual, c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
			client: func(_ *testing.T, _ *mutual, o *outside.Options) { o.TLS.Cert, o.TLS.Key = "", "" },
		},
		"client key missing": {client: func(t *testing.T, _ *mutual, o *outside.Options) {
			require.NoError(t, os.Remove(o.TLS.Key))
		}},
		"CA unreadable": {client: func(_ *testing.T, _ *mutual, o *outside.Options) { o.TLS.CA = o.TLS.Key }},
		"client certificate refused by the server, TLS 1.2": {
			server: func(_ *testing.T, _ *mutual, c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
			client: func(t *testing.T, _ *mutual, o *outside.Options) {
				var err error
				o.TLS.Cert, o.TLS.Key, err = other.Issue("stranger", time.Hour)
				require.NoError(t, err)
			},
		},
		"client certificate refused by the server": {client: func(t *testing.T, _ *mutual, o *outside.Options) {
			var err error
			o.TLS.Cert, o.TLS.Key, err = other.Issue("stranger", time.Hour)
			require.NoError(t, err)
		}},
		"plain HTTP, not allowed": {url: func(m *mutual) string { return "http://" + m.Listener.Addr().String() }},
		"loopback, not allowed":   {client: func(_ *testing.T, _ *mutual, o *outside.Options) { o.AllowPrivateNetwork = false }},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMutual(t, c.server)
			o := m.client(t)
			if c.client != nil {
				c.client(t, m, &o)
			}
			url := m.URL
			if c.url != nil {
				url = c.url(m)
			}
			answer, err := post(t, o, url)
			require.ErrorIs(t, err, outside.ErrMisconfigured)
			require.Equal(t, 1, answer.Attempts, "no retry mends it")
			require.Zero(t, m.requests.Load(), "nothing got through")
		})
	}
}

func pair(t *testing.T, a *outsidetest.Authority, life time.Duration, host string) []tls.Certificate {
	t.Helper()
	cert, key, err := a.Issue("other-server", life, host)
	require.NoError(t, err)
	loaded, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	return []tls.Certificate{loaded}
}

// A TLS client that meets a plain server stops at the handshake.
func TestA30_PlainServerGetsNothing(t *testing.T) {
	var got atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	o := fast()
	o.AllowPrivateNetwork, o.AttemptTimeout = true, 5*time.Second
	_, err := post(t, o, "https://"+server.Listener.Addr().String())
	require.ErrorIs(t, err, outside.ErrMisconfigured)
	require.Zero(t, got.Load())
}

// F3: a rotated client certificate is used by the next connection; a rotation
// that is half done does no harm.
func TestA29_CertificatesAreReadAgainOnChange(t *testing.T) {
	m := newMutual(t, nil)
	o := m.client(t)
	c := outside.New(o)
	send := func() {
		t.Helper()
		_, err := c.Do(within(t, 10*time.Second), outside.Call{Op: "post", Method: "POST", URL: m.URL, Key: "k"})
		require.NoError(t, err)
		m.CloseClientConnections()
	}
	send()
	require.Equal(t, "client", m.subject.Load())

	newCert, newKey, err := m.authority.Issue("renewed", time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.Rename(newCert, o.TLS.Cert)) // the key is still the old one
	send()
	require.Equal(t, "client", m.subject.Load())
	require.NoError(t, os.Rename(newKey, o.TLS.Key))
	send()
	require.Equal(t, "renewed", m.subject.Load())
}

// E1: names and addresses inside are refused when dialled.
func TestE1_AddressesInsideAreRefused(t *testing.T) {
	for _, host := range []string{
		"127.0.0.1", "[::1]", "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
		"[64:ff9b::a9fe:a9fe]", "224.0.0.1", "255.255.255.255",
	} {
		o := fast()
		_, err := post(t, o, "https://"+host+":1/")
		require.ErrorIs(t, err, outside.ErrMisconfigured, host)
	}
	for _, host := range []string{"169.254.169.254", "[fe80::1]", "0.0.0.0", "224.0.0.1"} {
		o := fast()
		o.AllowPrivateNetwork = true
		_, err := post(t, o, "https://"+host+":1/")
		require.ErrorIs(t, err, outside.ErrMisconfigured, host)
	}
}

// Nothing listens: nothing can have arrived, so even a POST without a key may
// be tried again.
func TestRefusedConnectionIsRetried(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	o := fast()
	o.AllowPrivateNetwork, o.AllowPlainHTTP = true, true
	answer, err := outside.New(o).Do(within(t, 5*time.Second), outside.Call{Op: "post", Method: "POST", URL: url})
	var u *outside.Unknown
	require.True(t, errors.As(err, &u))
	require.False(t, u.Misconfigured)
	require.Equal(t, 3, answer.Attempts)
}
