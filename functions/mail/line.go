package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"quittance.dev/functions/outside"
)

// line is the one connection that a mail goes over. The library keeps moving its deadline; line
// holds it to the context's, and cuts when the context ends.
type line struct {
	ctx  context.Context
	conn net.Conn
	stop func() bool
}

func (l *line) dial(ctx context.Context, network, address string, implicit bool, c *tls.Config) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.conn = raw
	l.stop = context.AfterFunc(l.ctx, func() { _ = raw.Close() })
	deadline, _ := l.ctx.Deadline()
	bounded := &boundedConn{Conn: raw, end: deadline}
	if !implicit {
		return bounded, nil
	}
	secure := tls.Client(bounded, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

func (l *line) close() {
	if l.conn != nil {
		l.stop()
		_ = l.conn.Close()
	}
}

type boundedConn struct {
	net.Conn
	end time.Time
}

func (c *boundedConn) bound(t time.Time) time.Time {
	if t.IsZero() || t.After(c.end) {
		return c.end
	}
	return t
}

func (c *boundedConn) SetDeadline(t time.Time) error      { return c.Conn.SetDeadline(c.bound(t)) }
func (c *boundedConn) SetReadDeadline(t time.Time) error  { return c.Conn.SetReadDeadline(c.bound(t)) }
func (c *boundedConn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.bound(t)) }

// dialFailed reads an error from before the first word about the mail: nothing was sent. What the
// network or a busy server may mend by itself is told from what an operator must: a certificate
// that does not verify, TLS or a login that the server does not offer, credentials that it refuses.
func dialFailed(err error) error {
	var (
		answered *textproto.Error
		network  net.Error
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &answered):
		cause := fmt.Errorf("connecting: answered %d", answered.Code)
		if answered.Code >= 500 {
			cause = fmt.Errorf("%w: %w", outside.ErrMisconfigured, cause)
		}
		return notSent(cause)
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &record):
		return notSent(fmt.Errorf("%w: connecting: %w", outside.ErrMisconfigured, err))
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), isEOF(err):
		return notSent(fmt.Errorf("connecting: %w", err))
	}
	return notSent(fmt.Errorf("%w: connecting: %w", outside.ErrMisconfigured, err))
}
