package relay_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/relay"
)

// E5: where Brokers ask who posts, each gets the token that is meant for it, a
// renewed one soon after, and nobody else gets any.
func TestE5_EachBrokerGetsItsOwnToken(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
	}))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	write := func(name, token string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(token), 0o600))
	}
	write("money", "for money\n")
	write("requests", "for requests")
	client := &http.Client{Transport: relay.WithTokens(server.Client().Transport,
		func(b events.Broker) string { return server.URL + "/quittance/" + string(b) }, folder)}
	post := func(path string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader("{}"))
		require.NoError(t, err)
		response, err := client.Do(r)
		if err != nil {
			return "", err
		}
		require.NoError(t, response.Body.Close())
		require.Empty(t, r.Header.Get("Authorization"), "the caller's request is its own")
		return <-seen, nil
	}
	for path, want := range map[string]string{
		"/quittance/money": "Bearer for money", "/quittance/requests": "Bearer for requests",
		"/": "", "/receipt": "", "/quittance/other": "",
	} {
		got, err := post(path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
	_, err := post("/quittance/notices")
	require.ErrorContains(t, err, "notices", "nothing is posted without the token")

	write("money", "renewed")
	require.Eventually(t, func() bool { got, err := post("/quittance/money"); return err == nil && got == "Bearer renewed" }, 20*time.Second, 50*time.Millisecond)
}
