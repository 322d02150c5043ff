package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/throwaway"
)

// freePorts finds as many ports in a row as there are doors.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 50 {
		first, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port, free := first.Addr().(*net.TCPAddr).Port, true
		first.Close()
		for i := range ports {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if free = free && err == nil; err == nil {
				l.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no free ports in a row")
	return 0
}

// A30: each system is there over TLS; E takes nobody without a certificate, and
// nobody else asks for one; the books are for those who can reach their port.
func TestA30_DoorsOfTheOutside(t *testing.T) {
	made, err := throwaway.Secrets("localhost", nil, nil, nil)
	require.NoError(t, err)
	folder := t.TempDir()
	for _, s := range made {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, s.Name), 0o700))
		for key, value := range s.Data {
			require.NoError(t, os.WriteFile(filepath.Join(folder, s.Name, key), value, 0o600))
		}
	}
	credentials := filepath.Join(folder, "credentials")
	require.NoError(t, os.MkdirAll(credentials, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(credentials, "e-token"), []byte("a token\n"), 0o600))
	port := freePorts(t)
	env := map[string]string{
		"HOST": "127.0.0.1", "PORT": fmt.Sprint(port), "BOOKS": filepath.Join(folder, "books"), "CREDENTIALS": credentials,
		"CERT_FILE": filepath.Join(folder, "outside-server", "tls.crt"), "KEY_FILE": filepath.Join(folder, "outside-server", "tls.key"),
		"CLIENT_CA_FILE": filepath.Join(folder, "outside-server", "ca.crt"), "WEBHOOK_URL": "http://127.0.0.1:1/",
	}
	require.NoError(t, os.MkdirAll(env["BOOKS"], 0o700))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, func(k string) (string, bool) { v, ok := env[k]; return v, ok }, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })

	authority, err := os.ReadFile(filepath.Join(folder, "outside-authority", "ca.crt"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	client := func(certificates ...tls.Certificate) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: roots, ServerName: "outside.localhost.svc.cluster.local", Certificates: certificates, MinVersion: tls.VersionTLS12,
		}}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: 10 * time.Second}
	}
	get := func(c *http.Client, url, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := c.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	address := func(scheme, name string) string {
		for i, n := range ports {
			if n == name {
				return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port+i)
			}
		}
		t.Fatal(name)
		return ""
	}
	require.Eventually(t, func() bool { status, _ := get(client(), address("http", admin)+"/healthz", ""); return status == 200 }, 20*time.Second, 20*time.Millisecond)

	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "external-e", "tls.crt"), filepath.Join(folder, "external-e", "tls.key"))
	require.NoError(t, err)
	status, body := get(client(), address("https", "e")+"/v1/accounts/a", "a token")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "client_certificate_required")
	status, _ = get(client(pair), address("https", "e")+"/v1/accounts/a", "another")
	require.Equal(t, http.StatusUnauthorized, status)
	status, body = get(client(pair), address("https", "e")+"/v1/accounts/a", "a token")
	require.NotContains(t, []int{0, 401, 403}, status, body)

	for _, name := range ports {
		if name == admin {
			continue
		}
		status, _ = get(client(pair), address("https", name)+"/", "")
		require.NotZero(t, status, "%s answers over TLS", name)
		status, _ = get(client(pair), address("http", name)+"/", "")
		require.Equal(t, http.StatusBadRequest, status, "%s does not speak plain HTTP", name)
	}
	status, body = get(client(), address("http", admin)+"/e/books", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "{")
}

func TestWhatCannotStartIsAnError(t *testing.T) {
	env := map[string]string{"BOOKS": t.TempDir(), "CREDENTIALS": t.TempDir(), "HOST": "127.0.0.1", "PORT": fmt.Sprint(freePorts(t)), "CLIENT_CA_FILE": "/nowhere"}
	lookup := func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	require.ErrorContains(t, run(t.Context(), lookup, slog.New(slog.DiscardHandler)), "who may have signed")
	env["PORT"] = "many"
	require.ErrorContains(t, run(t.Context(), lookup, slog.New(slog.DiscardHandler)), "Port")
}
