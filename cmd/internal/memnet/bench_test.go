package memnet_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/memnet"
)

// BenchmarkRequest compares one event-sized request over this network with one
// over loopback TCP, 64 callers at a time.
func BenchmarkRequest(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	b.Run("memnet", func(b *testing.B) {
		n := memnet.New()
		defer n.Close()
		require.NoError(b, n.Handle(payment, handler))
		post(b, n.Transport(), "http://"+payment)
	})
	b.Run("tcp", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		tr := &http.Transport{MaxIdleConnsPerHost: 1024}
		defer tr.CloseIdleConnections()
		post(b, tr, "http://"+listener.Addr().String())
	})
}

func post(b *testing.B, tr http.RoundTripper, url string) {
	body := bytes.Repeat([]byte("x"), 400)
	b.ReportAllocs()
	b.SetParallelism(32) // times GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Ce-Id", "0123456789abcdef")
			res, err := tr.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}
