package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ClusterDomain ends the host names of a cluster's services.
const ClusterDomain = ".svc.cluster.local"

// IdlePerHost is how many idle connections a client keeps to one host. net/http
// keeps 2 unless told otherwise; with more callers than that at work, almost
// every request would open and close a connection. But each costs 16 KiB of
// buffers and three goroutines, for as long as it is idle, and a burst leaves
// thousands behind: collecting garbage around them costs more than to open some
// of them again.
const IdlePerHost = 32

// A Network carries HTTP between the handlers of one process. Its methods may
// be called from several goroutines.
type Network struct {
	server    *http.Server
	listener  *listener
	served    chan struct{}
	cut       context.CancelFunc // ends the context of every request
	transport *http.Transport
	outside   net.Dialer

	mu    sync.RWMutex
	hosts map[string]*endpoint
}

// An endpoint is what answers under one host name.
type endpoint struct {
	host    string
	handler http.Handler
}

type endpointKey struct{}

// New starts an empty network. Close it when done.
func New() *Network { return start(buffered) }

// NewLoopback starts a network that is the same but for its connections: they
// are TCP, on the loopback interface. It is for comparison, and for looking at
// the traffic with the usual tools.
func NewLoopback() *Network { return start(loopback) }

func start(pair pairing) *Network {
	n := &Network{
		listener: newListener(pair),
		served:   make(chan struct{}),
		outside:  net.Dialer{Timeout: 5 * time.Second},
		hosts:    make(map[string]*endpoint),
	}
	serving, cut := context.WithCancel(context.Background())
	n.cut = cut
	n.server = &http.Server{
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return serving },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Context().Value(endpointKey{}).(*endpoint).handler.ServeHTTP(w, r)
		}),
		// The host dialled decides who answers, not the Host header.
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, endpointKey{}, c.(*serverConn).endpoint)
		},
	}
	n.transport = &http.Transport{
		DialContext:         n.DialContext,
		MaxIdleConnsPerHost: IdlePerHost,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		Protocols:           new(http.Protocols),
	}
	n.transport.Protocols.SetHTTP1(true)
	go func() {
		defer close(n.served)
		_ = n.server.Serve(n.listener) // ends with http.ErrServerClosed
	}()
	return n
}

// Handle lets h answer under host, a name without port. A host has one handler:
// naming it again is an error.
func (n *Network) Handle(host string, h http.Handler) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.hosts[host]; taken {
		return fmt.Errorf("memnet: host %s is handled already", host)
	}
	n.hosts[host] = &endpoint{host: host, handler: h}
	return nil
}

// Transport sends HTTP/1.1 requests over the network. It is shared, and keeps
// its connections until Close.
func (n *Network) Transport() *http.Transport { return n.transport }

// Handles reports whether host (a name, with or without port) is answered here,
// or would have to be: an unknown name of the cluster is not to be looked up
// outside.
func (n *Network) Handles(host string) bool {
	name := withoutPort(host)
	return n.endpoint(name) != nil || strings.HasSuffix(name, ClusterDomain)
}

// DialContext connects to a host of the network, whatever the port, or else to
// the outside world. It fits [http.Transport].
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	name := withoutPort(address)
	e := n.endpoint(name)
	switch {
	case e != nil:
		return n.listener.dial(ctx, e)
	case strings.HasSuffix(name, ClusterDomain):
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}}
	default:
		return n.outside.DialContext(ctx, network, address)
	}
}

func (n *Network) endpoint(name string) *endpoint {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.hosts[name]
}

// Shutdown waits until no request is being answered, or until ctx is done; then
// it closes every connection. Requests that were cut short that way are told of
// by ctx's error.
func (n *Network) Shutdown(ctx context.Context) error {
	err := n.server.Shutdown(ctx)
	return errors.Join(err, n.Close())
}

// Close cuts every connection, ends the contexts of the requests and with them
// the network. It does not wait for handlers to return.
func (n *Network) Close() error {
	err := n.server.Close()
	n.cut()                // afterwards, so that nobody answers because of it
	_ = n.listener.Close() // Serve may not have taken it over yet
	<-n.served
	n.transport.CloseIdleConnections()
	return err
}

func withoutPort(address string) string {
	if i := strings.LastIndexByte(address, ':'); i >= 0 && !strings.HasSuffix(address, "]") {
		return address[:i]
	}
	return address
}
