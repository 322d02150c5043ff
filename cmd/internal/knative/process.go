package knative

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"

	"knative.dev/eventing/pkg/kncloudevents"
	"knative.dev/pkg/system"

	"quittance.dev/cmd/internal/memnet"
)

// systemNamespace is where Knative Eventing lives in a cluster. Its packages
// read the name from the environment, and panic when it is not there; host names
// of ingress and filter are made from it.
const systemNamespace = "knative-eventing"

// errRunning answers a second Start.
var errRunning = errors.New("knative: this process runs a broker already")

// process is the state that Knative's packages force on the whole process: the
// network that http.DefaultTransport dials into. There is no constructor to hand
// a client or a transport to (kncloudevents.createNewClient clones
// http.DefaultTransport, and Clone keeps a dialer but not the round trippers of
// RegisterProtocol).
var process struct {
	transport sync.Once
	failed    error
	network   atomic.Pointer[memnet.Network]
}

// claimProcess makes n the network of Knative's clients, until releaseProcess.
func claimProcess(n *memnet.Network) error {
	if !process.network.CompareAndSwap(nil, n) {
		return errRunning
	}
	process.transport.Do(func() { process.failed = extendDefaultTransport() })
	if process.failed != nil {
		releaseProcess(n)
		return process.failed
	}
	if err := os.Setenv(system.NamespaceEnvKey, systemNamespace); err != nil {
		releaseProcess(n)
		return fmt.Errorf("name Knative's namespace: %w", err)
	}
	return nil
}

// tuneClients drops the HTTP clients of an earlier data plane and lets new ones
// keep the network's number of idle connections: ingress and filter each ask for their own number
// when they are made, and the last one wins. Zero is no limit over all hosts.
func tuneClients() {
	kncloudevents.ConfigureConnectionArgs(&kncloudevents.ConnectionArgs{
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: memnet.IdlePerHost,
	})
}

func releaseProcess(n *memnet.Network) {
	if process.network.CompareAndSwap(n, nil) {
		kncloudevents.ConfigureConnectionArgs(nil) // forgets the clients
	}
}

// extendDefaultTransport replaces http.DefaultTransport, once, by a copy that
// finds the hosts of the current network; everything else is as before.
func extendDefaultTransport() error {
	before, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return fmt.Errorf("knative: http.DefaultTransport is a %T: Knative's clients need an *http.Transport", http.DefaultTransport)
	}
	after := before.Clone()
	after.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if n := process.network.Load(); n != nil && n.Handles(address) {
			return n.DialContext(ctx, network, address)
		}
		if before.DialContext != nil {
			return before.DialContext(ctx, network, address)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	after.Proxy = func(r *http.Request) (*url.URL, error) {
		if n := process.network.Load(); before.Proxy == nil || n != nil && n.Handles(r.URL.Host) {
			return nil, nil //nolint:nilnil // no proxy, no error: net/http's convention
		}
		return before.Proxy(r)
	}
	http.DefaultTransport = after
	return nil
}
