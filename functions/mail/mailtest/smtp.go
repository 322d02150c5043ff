package mailtest

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"quittance.dev/functions/outside/outsidetest"
)

// SMTPConfig says how the mail server behaves. The zero value keeps its book in memory, offers no
// TLS and asks nobody for a password.
type SMTPConfig struct {
	Path           string      // of the book; "" keeps it in memory
	TLS            *tls.Config // offers STARTTLS; a listener of tls.Listen makes it implicit instead
	User, Password string      // that senders must show, after TLS if there is any; "" takes all
	Clock          *outsidetest.Clock
}

// SMTP is a mail server.
type SMTP struct {
	Moods *outsidetest.Moods
	*book

	config SMTPConfig
	server *smtp.Server

	mu        sync.Mutex
	listeners []net.Listener
	closed    bool
	done      chan struct{}
}

// NewSMTP opens the book.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	s := &SMTP{Moods: outsidetest.NewMoods(), config: c, done: make(chan struct{})}
	var err error
	if s.book, err = openBook(c.Path, c.Clock, nil); err != nil {
		return nil, err
	}
	s.server = smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		plain := &session{smtp: s, conn: conn}
		if c.User == "" {
			return plain, nil
		}
		return &guarded{session: plain}, nil
	}))
	s.server.Domain = "mail.quittance.invalid"
	s.server.TLSConfig = c.TLS
	s.server.AllowInsecureAuth = c.TLS == nil
	s.server.MaxMessageBytes = 1 << 20
	s.server.MaxRecipients = 50
	s.server.ReadTimeout, s.server.WriteTimeout = time.Minute, time.Minute
	s.server.ErrorLog = log.New(io.Discard, "", 0) // cut lines are what we are here for
	return s, nil
}

// Serve takes connections until Close. It closes the listener.
func (s *SMTP) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return l.Close()
	}
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	if err := s.server.Serve(l); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Admin serves GET /mails and the moods below /moods/.
func (s *SMTP) Admin() http.Handler { return admin(s.book, s.Moods) }

// Close cuts every line, ends Serve and closes the book.
func (s *SMTP) Close() error {
	s.mu.Lock()
	listeners, closed := s.listeners, s.closed
	s.listeners, s.closed = nil, true
	s.mu.Unlock()
	if closed {
		return nil
	}
	close(s.done)
	s.Moods.Close()
	for _, l := range listeners { // the library closes only those that it got round to serving
		_ = l.Close()
	}
	_ = s.server.Close() // complains about the listeners that are closed
	return s.journal.Close()
}

// session is one conversation, in one mood per mail.
type session struct {
	smtp *SMTP
	conn *smtp.Conn
	mood outsidetest.Mood
	from string
	to   []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mood, s.from, s.to = s.smtp.Moods.Next("send"), from, nil
	if s.mood.Kind == outsidetest.TooMany {
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Try again later"}
	}
	return s.answerAt("mail")
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.mood.Kind == outsidetest.Refuse {
		return &smtp.SMTPError{Code: 550, EnhancedCode: enhanced(s.mood.Code), Message: "<" + to + ">: no such user here"}
	}
	s.to = append(s.to, to)
	return s.answerAt("rcpt")
}

// answerAt is the scripted answer of the mood Status, if this is its moment.
func (s *session) answerAt(moment string) error {
	if s.mood.Kind != outsidetest.Status || s.mood.Code != moment {
		return nil
	}
	status := s.mood.Status
	if status == 0 {
		status = 451
	}
	return &smtp.SMTPError{Code: status, EnhancedCode: smtp.EnhancedCode{status / 100, 3, 0}, Message: "As you wish"}
}

func (s *session) Data(r io.Reader) error {
	if s.mood.Kind == outsidetest.CutMidBody {
		_, _ = io.ReadFull(r, make([]byte, 64))
		return s.cut()
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // the sender left before the final dot: nothing was sent
	}
	switch s.mood.Kind {
	case outsidetest.TimeoutBefore:
		s.hold()
		return s.cut()
	case outsidetest.CutBefore:
		return s.cut()
	case outsidetest.Slow:
		s.wait(time.Duration(s.mood.Delay))
	default:
	}
	if s.mood.Code != "mail" && s.mood.Code != "rcpt" {
		s.mood.Code = "data"
	}
	if err := s.answerAt("data"); err != nil {
		return err
	}
	m, err := read(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Not a mail: " + err.Error()}
	}
	m.ID, m.From, m.To = strings.ToLower(rand.Text()), s.from, s.to
	if err := s.smtp.deliver(entry{Mail: m}); err != nil {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Book: " + err.Error()}
	}
	switch s.mood.Kind {
	case outsidetest.TimeoutAfter:
		s.hold()
		return s.cut()
	case outsidetest.CutAfter:
		return s.cut()
	default:
		return nil
	}
}

// cut ends the connection; the server's answer then goes nowhere.
func (s *session) cut() error {
	_ = s.conn.Conn().Close()
	return errors.New("the line was cut")
}

// hold stays silent until the sender hangs up or the server closes, which both end the read: a
// sender that waits for an answer says nothing.
func (s *session) hold() {
	_ = s.conn.Conn().SetReadDeadline(time.Now().Add(s.smtp.Moods.Hold))
	_, _ = s.conn.Conn().Read(make([]byte, 1))
}

func (s *session) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.smtp.done:
	}
}

// enhanced reads "5.1.1".
func enhanced(code string) smtp.EnhancedCode {
	parts := strings.Split(code, ".")
	var out smtp.EnhancedCode
	for i, part := range parts {
		if len(parts) != 3 || len(part) != 1 || part[0] < '0' || part[0] > '9' {
			return smtp.EnhancedCode{5, 1, 1}
		}
		out[i] = int(part[0] - '0')
	}
	return out
}

// guarded is a session that asks for a password first.
type guarded struct {
	*session
	known bool
}

func (g *guarded) AuthMechanisms() []string { return []string{sasl.Plain} }

func (g *guarded) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != g.smtp.config.User || password != g.smtp.config.Password {
			return smtp.ErrAuthFailed
		}
		g.known = true
		return nil
	}), nil
}

func (g *guarded) Mail(from string, o *smtp.MailOptions) error {
	if !g.known {
		return smtp.ErrAuthRequired
	}
	return g.session.Mail(from, o)
}
