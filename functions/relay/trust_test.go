package relay_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/relay"
)

// ingress is a Broker's over TLS, whose certificate can be another one from one
// connection to the next.
type ingress struct {
	*httptest.Server
	shown    atomic.Pointer[tls.Certificate]
	requests atomic.Int64
}

func newIngress(t *testing.T, next http.Handler) *ingress {
	t.Helper()
	i := &ingress{}
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.requests.Add(1)
		next.ServeHTTP(w, r)
	}))
	i.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*i.shown.Load()}, MinVersion: tls.VersionTLS12}, nil
	}}
	i.StartTLS()
	t.Cleanup(i.Close)
	return i
}

// shows has the ingress show another certificate from now on.
func (i *ingress) shows(t *testing.T, a *outsidetest.Authority, life time.Duration, host string) {
	t.Helper()
	cert, key, err := a.Issue("ingress", life, host)
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	i.shown.Store(&pair)
	i.CloseClientConnections()
}

func authority(t *testing.T, name string) (*outsidetest.Authority, string) {
	t.Helper()
	a, err := outsidetest.NewAuthority(t.TempDir(), name)
	require.NoError(t, err)
	pem, err := os.ReadFile(a.CertFile)
	require.NoError(t, err)
	return a, string(pem)
}

// client trusts what it is told to.
func client(t *testing.T, trust relay.Trust) *http.Client {
	t.Helper()
	transport, err := trust.Transport(4)
	require.NoError(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	require.NoError(t, response.Body.Close())
	return nil
}

// E5: where transport is encrypted, a Broker's ingress shows a certificate of the
// cluster's own authority, and events reach it because the SinkBinding says which
// that is.
func TestE5_EventsGoToAnIngressOfTheClustersOwnAuthority(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cluster, pem := authority(t, "cluster")
	ear := deliverytest.NewEar(t)
	i := newIngress(t, ear)
	i.shows(t, cluster, time.Hour, "127.0.0.1")
	to := i.URL + "/quittance/payments"
	b.moved.Store(&to)

	stranger := b.start(relay.Options{Client: client(t, relay.Trust{})})
	e := b.Commit(1)[0]
	b.Eventually(1, unsent+` where attempts > 0`)
	stranger.end()
	require.Zero(t, i.requests.Load(), "nothing of an event goes to whom nobody vouches for")
	require.Equal(t, 0, b.Count(sent))

	b.start(relay.Options{Client: client(t, relay.Trust{CACerts: pem})})
	b.Eventually(1, sent)
	require.Equal(t, 1, ear.Times(e.ID))
}

// E5: whatever is wrong with the certificate, no request is made.
func TestE5_OtherCertificatesAreRefused(t *testing.T) {
	t.Parallel()
	cluster, pem := authority(t, "cluster")
	other, otherPEM := authority(t, "other")
	for name, c := range map[string]struct {
		trust relay.Trust
		from  *outsidetest.Authority
		life  time.Duration
		host  string
		taken bool
	}{
		"as it should be":         {relay.Trust{CACerts: pem}, cluster, time.Hour, "127.0.0.1", true},
		"two are trusted":         {relay.Trust{CACerts: otherPEM + pem}, cluster, time.Hour, "127.0.0.1", true},
		"nobody said whom":        {relay.Trust{}, cluster, time.Hour, "127.0.0.1", false},
		"of another authority":    {relay.Trust{CACerts: pem}, other, time.Hour, "127.0.0.1", false},
		"the other one's trusted": {relay.Trust{CACerts: otherPEM}, cluster, time.Hour, "127.0.0.1", false},
		"expired":                 {relay.Trust{CACerts: pem}, cluster, -time.Minute, "127.0.0.1", false},
		"of another host":         {relay.Trust{CACerts: pem}, cluster, time.Hour, "elsewhere.invalid", false},
	} {
		i := newIngress(t, http.NotFoundHandler())
		i.shows(t, c.from, c.life, c.host)
		err := get(t, client(t, c.trust), i.URL)
		if c.taken {
			require.NoError(t, err, name)
			continue
		}
		var refused *tls.CertificateVerificationError
		require.ErrorAs(t, err, &refused, name)
		require.Zero(t, i.requests.Load(), name)
	}
	_, err := relay.Trust{CACerts: "no certificate"}.Transport(1)
	require.ErrorContains(t, err, "K_CA_CERTS")
}

// F3: the platform's trust bundles are mounted, and a new authority is trusted
// from the next connection on; a bundle that is spoilt spoils nothing.
func TestF3_TrustBundlesAreReadAgainOnChange(t *testing.T) {
	t.Parallel()
	first, firstPEM := authority(t, "first")
	second, secondPEM := authority(t, "second")
	mount := t.TempDir()
	version := 0
	put := func(files map[string]string) { // as the kubelet does
		version++
		folder := string(rune('0' + version))
		require.NoError(t, os.Mkdir(filepath.Join(mount, "..", filepath.Base(mount)+"-"+folder), 0o700))
		data := filepath.Join(mount, "..", filepath.Base(mount)+"-"+folder)
		for name, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o600))
			if _, err := os.Lstat(filepath.Join(mount, name)); err != nil {
				require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(mount, name)))
			}
		}
		require.NoError(t, os.Symlink(data, filepath.Join(mount, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
	}
	i := newIngress(t, http.NotFoundHandler())
	i.shows(t, first, time.Hour, "127.0.0.1")
	c := client(t, relay.Trust{Folder: mount})
	require.Error(t, get(t, c, i.URL))
	put(map[string]string{"bundle.pem": firstPEM})
	require.NoError(t, get(t, c, i.URL))

	i.shows(t, second, time.Hour, "127.0.0.1")
	require.Error(t, get(t, c, i.URL))
	put(map[string]string{"bundle.pem": firstPEM + secondPEM})
	require.NoError(t, get(t, c, i.URL))

	i.CloseClientConnections()
	put(map[string]string{"bundle.pem": "-----BEGIN CERT"})
	require.NoError(t, get(t, c, i.URL), "what was whole before stays in use")
	require.Error(t, get(t, client(t, relay.Trust{Folder: mount}), i.URL), "and is not made up")

	put(map[string]string{"bundle.pem": "-----BEGIN CERT", "other.pem": secondPEM})
	require.NoError(t, get(t, client(t, relay.Trust{Folder: mount}), i.URL), "what is good of it does")
	require.NoError(t, get(t, client(t, relay.Trust{Folder: filepath.Join(mount, "none"), CACerts: secondPEM}), i.URL), "there need be none")
}
