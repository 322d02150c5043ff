package mail

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

const smtpSystem = "smtp"

// SMTP sends mail through a mail server, one connection per mail. It is safe for concurrent use.
//
// SMTP has no idempotency keys. A connection that is lost between the end of the content and the
// server's answer leaves a mail that may have been delivered, and nobody to ask: such a mail is
// never Resendable, and policy decides between a second copy and an operator.
type SMTP struct {
	config config.SMTP
	policy gomail.TLSPolicy
	secret outside.Secret
	log    *slog.Logger
}

// NewSMTP checks c. The password and the certificate file are read for every mail.
func NewSMTP(c config.SMTP, log *slog.Logger) (*SMTP, error) {
	s := &SMTP{config: c, secret: outside.FromFile(c.PasswordFile), log: log}
	if s.log == nil {
		s.log = slog.Default()
	}
	switch c.TLS {
	case "mandatory", "":
		s.policy = gomail.TLSMandatory
	case "opportunistic":
		s.policy = gomail.TLSOpportunistic
	case "none", "implicit":
		s.policy = gomail.NoTLS
	default:
		return nil, fmt.Errorf("smtp tls %q: want mandatory, implicit, opportunistic or none", c.TLS)
	}
	if c.Host == "" || c.Port < 1 || c.Port > 65535 {
		return nil, fmt.Errorf("smtp server %q port %d: not an address", c.Host, c.Port)
	}
	return s, nil
}

// Resendable implements Sender: never, because a mail server does not compare.
func (s *SMTP) Resendable(time.Duration) bool { return false }

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) (Receipt, error) {
	if problem := m.check(); problem != nil {
		return refused(smtpSystem, problem), nil
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.config.Timeout, 20*time.Second))
	defer cancel()
	seen := s.observe(ctx)
	receipt, err := s.send(ctx, m)
	seen.end(receipt, err)
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

func (s *SMTP) send(ctx context.Context, m Message) (Receipt, error) {
	mail, err := compose(m)
	if err != nil { // the library and check disagree about this message
		return refused(smtpSystem, &invalid{"message", "cannot be written as a mail"}), nil
	}
	line := &line{ctx: ctx}
	defer line.close()
	client, err := s.client(ctx, m.From, line)
	if err != nil {
		return Receipt{}, notSent(err)
	}
	conversation, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return Receipt{}, dialFailed(err)
	}
	err = client.SendWithSMTPClient(conversation, mail)
	if mail.IsDelivered() {
		_ = client.CloseWithSMTPClient(conversation) // a lost goodbye changes nothing
		return Receipt{ProviderID: MessageID(m.Key, m.From)}, nil
	}
	// No goodbye here: the text protocol ends an open DATA with the final dot before it writes
	// another command, and half a mail would be delivered. The line is simply cut.
	return sendFailed(err)
}

// compose writes the message as a mail. It is rendered once here, so that nothing but the network
// can fail while the content is on its way.
func compose(m Message) (*gomail.Msg, error) {
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := mail.From(m.From); err != nil {
		return nil, err
	}
	if err := mail.To(m.To...); err != nil {
		return nil, err
	}
	mail.Subject(m.Subject)
	mail.SetMessageIDWithValue(MessageID(m.Key, m.From))
	mail.SetDate()
	switch {
	case m.Text != "" && m.HTML != "":
		mail.SetBodyString(gomail.TypeTextPlain, m.Text)
		mail.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	case m.HTML != "":
		mail.SetBodyString(gomail.TypeTextHTML, m.HTML)
	default:
		mail.SetBodyString(gomail.TypeTextPlain, m.Text)
	}
	for _, a := range m.Attachments {
		kind := gomail.ContentType(cmp.Or(a.ContentType, "application/octet-stream"))
		if err := mail.AttachReader(a.Filename, bytes.NewReader(a.Content), gomail.WithFileContentType(kind)); err != nil {
			return nil, err
		}
	}
	_, err := mail.WriteTo(io.Discard)
	return mail, err
}

func (s *SMTP) client(ctx context.Context, from string, line *line) (*gomail.Client, error) {
	certificates, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline() // Send has set one
	options := []gomail.Option{
		gomail.WithPort(s.config.Port),
		gomail.WithTimeout(max(time.Until(deadline), time.Millisecond)),
		gomail.WithHELO(cmp.Or(s.config.Hello, domainOf(from))),
		gomail.WithTLSPolicy(s.policy),
		gomail.WithTLSConfig(certificates),
		gomail.WithoutNoop(), gomail.WithoutRset(), // one mail per connection needs neither
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			return line.dial(ctx, network, address, s.config.TLS == "implicit", certificates)
		}),
	}
	if s.config.User != "" {
		password, err := s.secret.Reveal()
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithUsername(s.config.User), gomail.WithPassword(password),
			// The library never shows a password to a server without TLS, except on this machine.
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(s.config.Host, options...)
}

func (s *SMTP) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{ServerName: s.config.Host, MinVersion: tls.VersionTLS12}
	if s.config.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("%w: smtp authorities: %w", outside.ErrMisconfigured, err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: smtp authorities: no certificate in %s", outside.ErrMisconfigured, s.config.CAFile)
	}
	return c, nil
}

// notSent makes the outcome of a mail that certainly went nowhere.
func notSent(cause error) *outside.Unknown {
	return &outside.Unknown{
		System: smtpSystem, Op: "send", Misconfigured: errors.Is(cause, outside.ErrMisconfigured),
		Err: fmt.Errorf("%w: %w", ErrNotSent, cause),
	}
}

// sendFailed reads the library's error. Its text is not passed on: it quotes the recipients.
func sendFailed(err error) (Receipt, error) {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return Receipt{}, &outside.Unknown{System: smtpSystem, Op: "send", Err: errors.New("the library names no stage")}
	}
	code, stage := failed.ErrorCode(), failed.Reason.String()
	switch {
	case code >= 500:
		return Receipt{Refusal: &outside.Refusal{
			System: smtpSystem, Code: cmp.Or(failed.EnhancedStatusCode(), strconv.Itoa(code)),
			Reason: fmt.Sprintf("%d at %s", code, stage),
		}}, nil
	case code >= 400: // an answer, and it says that the server has not taken the mail
		return Receipt{}, notSent(fmt.Errorf("%s: answered %d %s", stage, code, failed.EnhancedStatusCode()))
	case failed.Reason == gomail.ErrSMTPDataClose: // the final dot is out and nobody answered
		return Receipt{}, &outside.Unknown{System: smtpSystem, Op: "send", Err: errors.New("no answer to the end of the mail")}
	}
	return Receipt{}, notSent(fmt.Errorf("%s: connection lost", stage))
}
