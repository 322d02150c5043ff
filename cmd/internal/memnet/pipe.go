package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeLimit bounds the bytes waiting in one direction, so that a writer feels a
// reader that does not read, as it would on a socket.
const pipeLimit = 256 << 10

// keepBuffer is the largest buffer that an idle direction holds on to.
const keepBuffer = 64 << 10

// newPipe returns the two ends of a connection. Unlike net.Pipe it buffers: a
// request is written without waiting for its reader to be scheduled.
func newPipe(client, server net.Addr) (*conn, *conn) {
	up, down := newStream(), newStream()
	return &conn{in: down, out: up, local: client, remote: server},
		&conn{in: up, out: down, local: server, remote: client}
}

type conn struct {
	in, out       *stream
	local, remote net.Addr
}

var _ net.Conn = (*conn)(nil)

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions. The peer still reads what was written before.
func (c *conn) Close() error {
	c.in.closeByReader()
	c.out.closeByWriter()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.readable.set(t)
	c.out.writable.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error  { c.in.readable.set(t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.out.writable.set(t); return nil }

// A stream is one direction: bytes, and who has hung up.
type stream struct {
	mu                 sync.Mutex
	buf                []byte // buf[off:] waits to be read
	off                int
	noReader, noWriter bool
	readable, writable waiter
}

func newStream() *stream {
	s := &stream{}
	s.readable.init(&s.mu)
	s.writable.init(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.noReader:
			return 0, net.ErrClosed
		case s.readable.expired():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.off < len(s.buf):
			n := copy(p, s.buf[s.off:])
			s.off += n
			if s.off == len(s.buf) {
				s.drained()
			}
			s.writable.wake()
			return n, nil
		case s.noWriter:
			return 0, io.EOF
		}
		s.readable.wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.noWriter:
			return written, net.ErrClosed
		case s.noReader:
			return written, io.ErrClosedPipe
		case s.writable.expired():
			return written, os.ErrDeadlineExceeded
		}
		if room := pipeLimit - (len(s.buf) - s.off); room > 0 {
			n := min(room, len(p)-written)
			s.compact(n)
			s.buf = append(s.buf, p[written:written+n]...)
			written += n
			s.readable.wake()
		}
		if written == len(p) {
			return written, nil
		}
		s.writable.wait()
	}
}

// drained starts the buffer afresh, and gives a large one back.
func (s *stream) drained() {
	if cap(s.buf) > keepBuffer {
		s.buf = nil
	}
	s.buf, s.off = s.buf[:0], 0
}

// compact moves the unread bytes to the front when that saves growing.
func (s *stream) compact(n int) {
	if s.off > 0 && len(s.buf)+n > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
		s.off = 0
	}
}

// closeByReader makes writes fail; what was not read is dropped.
func (s *stream) closeByReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noReader, s.buf, s.off = true, nil, 0
	s.readable.stop()
	s.wakeAll()
}

// closeByWriter lets the reader see the end after what is still waiting.
func (s *stream) closeByWriter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noWriter = true
	s.writable.stop()
	s.wakeAll()
}

func (s *stream) wakeAll() {
	s.readable.wake()
	s.writable.wake()
}

// A waiter is a condition with a deadline. All its methods but set are called
// with the stream's lock held.
type waiter struct {
	mu       *sync.Mutex
	cond     sync.Cond
	deadline time.Time
	timer    *time.Timer
}

func (w *waiter) init(mu *sync.Mutex) { w.mu, w.cond.L = mu, mu }
func (w *waiter) wait()               { w.cond.Wait() }
func (w *waiter) wake()               { w.cond.Broadcast() }

func (w *waiter) expired() bool {
	return !w.deadline.IsZero() && !time.Now().Before(w.deadline)
}

// stop forgets the deadline.
func (w *waiter) stop() {
	w.deadline = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// set changes the deadline (zero: none) and wakes whoever waits, so that it
// looks again.
func (w *waiter) set(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
	w.deadline = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		w.timer = time.AfterFunc(wait, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.wake()
		})
	}
	w.wake()
}
