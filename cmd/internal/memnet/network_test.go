package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/memnet"
)

const payment = "payment.quittance.svc.cluster.local"

func network(t *testing.T) (*memnet.Network, *http.Client) {
	t.Helper()
	n := memnet.New()
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n, &http.Client{Transport: n.Transport()}
}

func TestRequestReachesTheHandlerOfItsHost(t *testing.T) {
	n, client := network(t)
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, r.Host+r.URL.Path+" "+string(body))
	})))
	require.NoError(t, n.Handle("other.quittance.svc.cluster.local", http.NotFoundHandler()))

	for _, address := range []string{payment, payment + ":80", payment + ":8080"} {
		res, err := client.Post("http://"+address+"/events", "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusAccepted, res.StatusCode)
		require.Equal(t, address+"/events hello", string(body))
	}
	require.Error(t, n.Handle(payment, http.NotFoundHandler()), "a host has one handler")
}

func TestLoopbackIsTheSameOverTCP(t *testing.T) {
	n := memnet.NewLoopback()
	defer n.Close()
	var from net.Addr
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		w.WriteHeader(http.StatusAccepted)
	})))
	res, err := (&http.Client{Transport: n.Transport()}).Post("http://"+payment, "text/plain", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusAccepted, res.StatusCode)
	require.Equal(t, "tcp", from.Network())
}

func TestLargeBodiesPassInBothDirections(t *testing.T) {
	n, client := network(t)
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})))
	sent := strings.Repeat("0123456789abcdef", 128<<10) // 2 MiB, past every buffer
	res, err := client.Post("http://"+payment, "text/plain", strings.NewReader(sent))
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, sent, string(got))
}

func TestUnknownNameOfTheClusterIsNotLookedUpOutside(t *testing.T) {
	n, client := network(t)
	_, err := client.Get("http://nobody.quittance.svc.cluster.local/")
	var notFound *net.DNSError
	require.ErrorAs(t, err, &notFound)
	require.True(t, notFound.IsNotFound)
	require.True(t, n.Handles("nobody.quittance.svc.cluster.local:80"))
	require.False(t, n.Handles("example.org:443"))
}

func TestOtherNamesAreDialledOutside(t *testing.T) {
	_, client := network(t)
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	defer outside.Close()
	res, err := client.Get(outside.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusTeapot, res.StatusCode)
}

func TestHandlerLearnsThatTheCallerHasHungUp(t *testing.T) {
	n, client := network(t)
	began, ended := make(chan struct{}), make(chan error, 1)
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+payment, nil)
	require.NoError(t, err)
	_, err = client.Do(req)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestAbortedHandlerCutsTheConnection(t *testing.T) {
	n, client := network(t)
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})))
	_, err := client.Post("http://"+payment, "text/plain", strings.NewReader("x"))
	require.ErrorIs(t, err, io.EOF)
}

// With net/http's default of 2 idle connections per host this would dial for
// nearly every request.
func TestConnectionsAreReusedUnderLoad(t *testing.T) {
	n, _ := network(t)
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	})))
	var dials atomic.Int64
	tr := n.Transport().Clone()
	defer tr.CloseIdleConnections()
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return n.DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: tr}
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for range 50 {
				res, err := client.Post("http://"+payment, "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	callers.Wait()
	require.LessOrEqual(t, dials.Load(), int64(200), "3,200 requests by 64 callers")
}

func TestShutdownWaitsForRequestsInFlight(t *testing.T) {
	n := memnet.New()
	client := &http.Client{Transport: n.Transport()}
	began, release := make(chan struct{}), make(chan struct{})
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-release
		w.WriteHeader(http.StatusAccepted)
	})))
	answered := make(chan error, 1)
	go func() {
		res, err := client.Post("http://"+payment, "text/plain", nil)
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	<-began
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	require.NoError(t, n.Shutdown(t.Context()))
	require.NoError(t, <-answered)

	_, err := client.Get("http://" + payment)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestShutdownCutsWhatDoesNotEndInTime(t *testing.T) {
	n := memnet.New()
	client := &http.Client{Transport: n.Transport()}
	began := make(chan struct{})
	require.NoError(t, n.Handle(payment, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})))
	answered := make(chan error, 1)
	go func() {
		_, err := client.Post("http://"+payment, "text/plain", nil)
		answered <- err
	}()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.True(t, errors.Is(n.Shutdown(ctx), context.DeadlineExceeded))
	require.Error(t, <-answered)
}
