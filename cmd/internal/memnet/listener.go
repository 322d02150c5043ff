package memnet

import (
	"context"
	"net"
	"sync"
)

// addr is the name of an end: a host of the network, or "client".
type addr string

func (addr) Network() string  { return "memnet" }
func (a addr) String() string { return string(a) }

// serverConn is the server's end, and remembers which host was dialled.
type serverConn struct {
	net.Conn
	endpoint *endpoint
}

// A pairing makes the two ends of a connection to host.
type pairing func(ctx context.Context, host string) (client, server net.Conn, err error)

func buffered(_ context.Context, host string) (net.Conn, net.Conn, error) {
	client, server := newPipe(addr("client"), addr(host))
	return client, server, nil
}

func loopback(ctx context.Context, _ string) (net.Conn, net.Conn, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	client, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	server, err := l.Accept()
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return client, server, nil
}

// A listener hands dialled connections to the one server of a network.
type listener struct {
	pair    pairing
	dialled chan *serverConn
	closed  chan struct{}
	once    sync.Once
}

var _ net.Listener = (*listener)(nil)

func newListener(pair pairing) *listener {
	return &listener{pair: pair, dialled: make(chan *serverConn), closed: make(chan struct{})}
}

func (l *listener) dial(ctx context.Context, e *endpoint) (net.Conn, error) {
	client, server, err := l.pair(ctx, e.host)
	if err != nil {
		return nil, err
	}
	select {
	case l.dialled <- &serverConn{Conn: server, endpoint: e}:
		return client, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-l.closed:
		err = &net.OpError{Op: "dial", Net: "memnet", Addr: addr(e.host), Err: net.ErrClosed}
	}
	_, _ = client.Close(), server.Close()
	return nil, err
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialled:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return addr("memnet") }
