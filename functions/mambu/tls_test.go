package mambu_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

// A30: from a process's configuration to a server that insists on mutual TLS;
// whatever is missing is an alarm, and nothing gets through.
func TestA30_MutualTLSFromConfiguration(t *testing.T) {
	folder := t.TempDir()
	authority, err := outsidetest.NewAuthority(folder, "mambu")
	require.NoError(t, err)
	stranger, err := outsidetest.NewAuthority(folder, "stranger")
	require.NoError(t, err)
	cert, key, err := authority.Issue("server", time.Hour, "127.0.0.1")
	require.NoError(t, err)
	clientCert, clientKey, err := authority.Issue("client", time.Hour)
	require.NoError(t, err)
	keyFile := filepath.Join(folder, "apikey")
	require.NoError(t, os.WriteFile(keyFile, []byte(apiKey+"\n"), 0o600))

	emulator, err := mambutest.New(mambutest.Options{APIKey: apiKey, AdoptUnknown: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, emulator.Close()) }()
	server := httptest.NewUnstartedServer(emulator)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS, err = authority.ServerTLS(cert, key)
	require.NoError(t, err)
	var caller atomic.Value // the name on the last client's certificate
	server.TLS.VerifyConnection = func(c tls.ConnectionState) error {
		caller.Store(c.PeerCertificates[0].Subject.CommonName)
		return nil
	}
	server.StartTLS()
	defer server.Close()

	whole := config.Mambu{
		BaseURL: server.URL + "/api/", APIKeyFile: keyFile, AllowPrivateNetwork: true,
		CertFile: clientCert, KeyFile: clientKey, CAFile: authority.CertFile,
	}
	request := mambu.CloseRequest{AccountID: account, Key: uuid.NewString()}
	try := func(c config.Mambu) (mambu.CloseResult, error) {
		from := mambu.ConfigFrom(c)
		from.HTTP.Logger = quiet()
		return mambu.New(from).Close(deadline(t, 10*time.Second), request)
	}
	for name, change := range map[string]func(*config.Mambu){
		"wrong CA":              func(c *config.Mambu) { c.CAFile = stranger.CertFile },
		"no client certificate": func(c *config.Mambu) { c.CertFile, c.KeyFile = "", "" },
		"no key file":           func(c *config.Mambu) { c.APIKeyFile = filepath.Join(folder, "none") },
		"another server's name": func(c *config.Mambu) { c.ServerName = "other.mambu.invalid" },
		"plain HTTP":            func(c *config.Mambu) { c.BaseURL = "http://" + server.Listener.Addr().String() },
		"nothing":               func(c *config.Mambu) { *c = config.Mambu{} },
	} {
		c := whole
		change(&c)
		_, err := try(c)
		require.ErrorIs(t, err, outside.ErrMisconfigured, name)
	}
	require.Empty(t, emulator.Book().Attempts)

	from := mambu.ConfigFrom(whole)
	from.HTTP.Logger = quiet()
	client := mambu.New(from)
	result, err := client.Close(deadline(t, 10*time.Second), request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
	require.Equal(t, "client", caller.Load())

	// A29: the pair on disk is replaced, the client lives on; the next
	// connection shows the new one.
	newCert, newKey, err := authority.Issue("renewed", time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.Rename(newCert, clientCert))
	require.NoError(t, os.Rename(newKey, clientKey))
	server.CloseClientConnections()
	_, err = client.Read(deadline(t, 10*time.Second), account)
	require.NoError(t, err)
	require.Equal(t, "renewed", caller.Load())
}
