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
	*conn
	endpoint *endpoint
}

// A listener hands dialled connections to the one server of a network.
type listener struct {
	dialled chan *serverConn
	closed  chan struct{}
	once    sync.Once
}

var _ net.Listener = (*listener)(nil)

func newListener() *listener {
	return &listener{dialled: make(chan *serverConn), closed: make(chan struct{})}
}

func (l *listener) dial(ctx context.Context, e *endpoint) (net.Conn, error) {
	client, server := newPipe(addr("client"), addr(e.host))
	select {
	case l.dialled <- &serverConn{conn: server, endpoint: e}:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "memnet", Addr: addr(e.host), Err: net.ErrClosed}
	}
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
