package outsidetest

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server serves a handler in memory: real HTTP/1.1, real connections that can
// be cut, but no port.
type Server struct {
	server    *http.Server
	listener  *pipeListener
	transport *http.Transport
	served    chan struct{}
}

// Listen starts serving. Any host name in a request's address reaches the
// handler; use http://, there is no TLS.
func Listen(handler http.Handler) *Server {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &Server{
		listener: l,
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          log.New(io.Discard, "", 0),
		},
		transport: &http.Transport{DialContext: l.dial, DisableCompression: true, MaxIdleConnsPerHost: 64},
		served:    make(chan struct{}),
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with http.ErrServerClosed
	}()
	return s
}

// Transport gives the client's side, for outside.Options.
func (s *Server) Transport() http.RoundTripper { return s.transport }

// Close cuts every connection and stops serving. Close the moods first, so
// that no handler is left holding a line.
func (s *Server) Close() error {
	err := s.server.Close()
	s.transport.CloseIdleConnections()
	<-s.served
	return err
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, errors.New("in-memory server is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "memory" }
func (pipeAddr) String() string  { return "memory" }
