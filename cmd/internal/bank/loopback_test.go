package bank

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfOthersAreTurnedAwayOnLoopback(t *testing.T) {
	ask := func(address, host string) int {
		at, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		onlyLoopbackNames(at, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		return w.Code
	}
	for _, host := range []string{"127.0.0.1:8080", "127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]", "127.9.9.9"} {
		require.Equal(t, http.StatusOK, ask("127.0.0.1:8080", host), host)
		require.Equal(t, http.StatusOK, ask("[::1]:8080", host), host)
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "0.0.0.0:8080", "localhost.", "[::]"} {
		require.Equal(t, http.StatusMisdirectedRequest, ask("127.0.0.1:8080", host), host)
		require.Equal(t, http.StatusOK, ask("192.0.2.1:8080", host), "an address that others reach has names of its own")
	}
}
