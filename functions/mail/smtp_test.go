package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/mail/mailtest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

const smtpPassword = "canary-b3taUiOVqT"

type smtpRig struct {
	*mailtest.SMTP
	config config.SMTP
}

func newSMTPRig(t *testing.T, c mailtest.SMTPConfig, implicit bool) *smtpRig {
	t.Helper()
	server, err := mailtest.NewSMTP(c)
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, c.TLS)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		<-served
	})
	return &smtpRig{SMTP: server, config: config.SMTP{Host: "127.0.0.1", Port: port, TLS: "none", Timeout: 300 * time.Millisecond}}
}

func (r *smtpRig) client(t *testing.T, log *slog.Logger) *mail.SMTP {
	t.Helper()
	client, err := mail.NewSMTP(r.config, log)
	require.NoError(t, err)
	return client
}

func TestSMTP_Delivers(t *testing.T) {
	r := newSMTPRig(t, mailtest.SMTPConfig{}, false)
	m := withEverything()
	m.To = append(m.To, "second@customer.example")
	receipt, err := r.client(t, quiet).Send(t.Context(), m)
	require.NoError(t, err)
	require.Nil(t, receipt.Refusal)
	require.Len(t, r.Mails(), 1)
	got := r.Mails()[0]
	require.Equal(t, mail.MessageID(m.Key, m.From), receipt.ProviderID)
	require.Equal(t, receipt.ProviderID, got.MessageID)
	require.Equal(t, "no-reply@bank.example", got.From)
	require.Equal(t, []string{"zoe@customer.example", "second@customer.example"}, got.To)
	require.Equal(t, m.Subject, got.Subject)
	require.Equal(t, m.Text, got.Text)
	require.Equal(t, m.HTML, got.HTML)
	require.Equal(t, "receipt-42.pdf", got.Attachments[0].Filename)
	require.Equal(t, "application/pdf", got.Attachments[0].ContentType)
	require.Equal(t, len(m.Attachments[0].Content), got.Attachments[0].Bytes)
}

// F21: the three outcomes, and the certainty that belongs to each.
func TestSMTP_EveryMood(t *testing.T) {
	t.Parallel()
	type kind = outsidetest.Mood
	ms := func(n int) outsidetest.Duration { return outsidetest.Duration(time.Duration(n) * time.Millisecond) }
	for name, tt := range map[string]struct {
		mood      outsidetest.Mood
		outcome   string // confirmed, refused, not sent, unknown
		code      string
		delivered int
	}{
		"fine":                               {kind{Kind: outsidetest.Fine}, "confirmed", "", 1},
		"slow, within patience":              {kind{Kind: outsidetest.Slow, Delay: ms(50)}, "confirmed", "", 1},
		"slow, beyond patience":              {kind{Kind: outsidetest.Slow, Delay: ms(600)}, "unknown", "", 0},
		"no such user":                       {kind{Kind: outsidetest.Refuse}, "refused", "5.1.1", 0},
		"mailbox full for good":              {kind{Kind: outsidetest.Refuse, Code: "5.2.2"}, "refused", "5.2.2", 0},
		"550 to the sender":                  {kind{Kind: outsidetest.Status, Status: 550, Code: "mail"}, "refused", "5.3.0", 0},
		"554 to the content":                 {kind{Kind: outsidetest.Status, Status: 554}, "refused", "5.3.0", 0},
		"450 too many":                       {kind{Kind: outsidetest.TooMany}, "not sent", "", 0},
		"421 to the sender":                  {kind{Kind: outsidetest.Status, Status: 421, Code: "mail"}, "not sent", "", 0},
		"451 to the recipient":               {kind{Kind: outsidetest.Status, Code: "rcpt"}, "not sent", "", 0},
		"451 to the content":                 {kind{Kind: outsidetest.Status}, "not sent", "", 0},
		"cut in the content":                 {kind{Kind: outsidetest.CutMidBody}, "not sent or unknown", "", 0},
		"cut after the final dot, lost":      {kind{Kind: outsidetest.CutBefore}, "unknown", "", 0},
		"cut after the final dot, delivered": {kind{Kind: outsidetest.CutAfter}, "unknown", "", 1},
		"silent after the dot, lost":         {kind{Kind: outsidetest.TimeoutBefore}, "unknown", "", 0},
		"silent after the dot, delivered":    {kind{Kind: outsidetest.TimeoutAfter}, "unknown", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSMTPRig(t, mailtest.SMTPConfig{}, false)
			require.NoError(t, r.Moods.Script(tt.mood))
			client := r.client(t, quiet)
			began := time.Now()
			receipt, err := client.Send(t.Context(), message())
			require.Less(t, time.Since(began), 5*time.Second)
			switch tt.outcome {
			case "confirmed":
				require.NoError(t, err)
				require.NotEmpty(t, receipt.ProviderID)
			case "refused":
				require.NoError(t, err)
				require.Equal(t, tt.code, receipt.Refusal.Code)
				require.Equal(t, "smtp", receipt.Refusal.System)
			default:
				var unknown *outside.Unknown
				require.ErrorAs(t, err, &unknown)
				require.False(t, unknown.Misconfigured)
				if tt.outcome != "not sent or unknown" {
					require.Equal(t, tt.outcome == "not sent", errors.Is(err, mail.ErrNotSent), err)
				}
			}
			require.False(t, client.Resendable(0))
			if name != "slow, beyond patience" { // that one is delivered after we have left
				require.Len(t, r.Mails(), tt.delivered)
			}
		})
	}
}

// A mail that is cut while its content is on the way is never delivered in part: nothing may end
// the content after the fact.
func TestSMTP_NeverHalfAMail(t *testing.T) {
	r := newSMTPRig(t, mailtest.SMTPConfig{}, false)
	r.config.Timeout = time.Minute
	client := r.client(t, quiet)
	m := message()
	m.Attachments = []mail.Attachment{{Filename: "large.bin", Content: make([]byte, 700<<10)}} // more than the sockets' buffers take
	for range 5 {
		require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.CutMidBody}))
		_, err := client.Send(t.Context(), m)
		require.Error(t, err)
		require.Empty(t, r.Mails())
	}
	_, err := client.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, r.Mails(), 1)
	require.Equal(t, 700<<10, r.Mails()[0].Attachments[0].Bytes)
}

func TestSMTP_EndsWithItsContext(t *testing.T) {
	r := newSMTPRig(t, mailtest.SMTPConfig{}, false)
	r.config.Timeout = time.Minute
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.TimeoutAfter}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := r.client(t, quiet).Send(ctx, message())
	var unknown *outside.Unknown
	require.ErrorAs(t, err, &unknown)
	require.NotErrorIs(t, err, mail.ErrNotSent)
	require.Less(t, time.Since(began), 5*time.Second)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = r.client(t, quiet).Send(ctx, message())
	require.ErrorIs(t, err, mail.ErrNotSent)
}

func TestSMTP_NobodyThere(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	client, err := mail.NewSMTP(config.SMTP{Host: "127.0.0.1", Port: port, TLS: "none"}, quiet)
	require.NoError(t, err)
	_, err = client.Send(t.Context(), message())
	require.ErrorIs(t, err, mail.ErrNotSent)
	require.NotErrorIs(t, err, outside.ErrMisconfigured)
}

func TestSMTP_BookSurvivesItsDeath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	first := newSMTPRig(t, mailtest.SMTPConfig{Path: path}, false)
	_, err := first.client(t, quiet).Send(t.Context(), message())
	require.NoError(t, err)
	second := newSMTPRig(t, mailtest.SMTPConfig{Path: path}, false)
	require.Equal(t, first.Mails(), second.Mails())
}

// E2 for mail: what does not verify gets neither password nor mail.
func TestSMTP_TLSAndPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, err := outsidetest.NewAuthority(dir, "smtp")
	require.NoError(t, err)
	certFile, keyFile, err := authority.Issue("mail", time.Hour, "127.0.0.1")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	secure := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	passwordFile := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(passwordFile, []byte(smtpPassword+"\n"), 0o600))
	wrongFile := filepath.Join(dir, "wrong")
	require.NoError(t, os.WriteFile(wrongFile, []byte("guess"), 0o600))
	guarded := mailtest.SMTPConfig{TLS: secure, User: "bank", Password: smtpPassword}

	for name, tt := range map[string]struct {
		server   mailtest.SMTPConfig
		implicit bool
		change   func(*config.SMTP)
		ok       bool
	}{
		"starttls":                      {guarded, false, func(c *config.SMTP) { c.TLS = "mandatory" }, true},
		"opportunistic, offered":        {guarded, false, func(c *config.SMTP) { c.TLS = "opportunistic" }, true},
		"implicit":                      {guarded, true, func(c *config.SMTP) { c.TLS = "implicit" }, true},
		"the default is mandatory":      {mailtest.SMTPConfig{}, false, func(c *config.SMTP) { c.TLS = "" }, false},
		"starttls not offered":          {mailtest.SMTPConfig{}, false, func(c *config.SMTP) { c.TLS = "mandatory" }, false},
		"implicit, server speaks plain": {mailtest.SMTPConfig{}, false, func(c *config.SMTP) { c.TLS = "implicit" }, false},
		"unknown authority":             {guarded, false, func(c *config.SMTP) { c.TLS, c.CAFile = "mandatory", "" }, false},
		"unknown authority, implicit":   {guarded, true, func(c *config.SMTP) { c.TLS, c.CAFile = "implicit", "" }, false},
		"certificate of another host":   {guarded, false, func(c *config.SMTP) { c.TLS, c.Host = "mandatory", "localhost" }, false},
		"authorities unreadable":        {guarded, false, func(c *config.SMTP) { c.TLS, c.CAFile = "mandatory", "/absent" }, false},
		"wrong password":                {guarded, false, func(c *config.SMTP) { c.TLS, c.PasswordFile = "mandatory", wrongFile }, false},
		"password unreadable":           {guarded, false, func(c *config.SMTP) { c.TLS, c.PasswordFile = "mandatory", "/absent" }, false},
		"no user":                       {guarded, false, func(c *config.SMTP) { c.TLS, c.User = "mandatory", "" }, false},
		"password, server wants none":   {mailtest.SMTPConfig{TLS: secure}, false, func(c *config.SMTP) { c.TLS = "mandatory" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSMTPRig(t, tt.server, tt.implicit)
			r.config.CAFile, r.config.User, r.config.PasswordFile = authority.CertFile, "bank", passwordFile
			r.config.Timeout = 5 * time.Second
			tt.change(&r.config)
			book := &logBook{}
			_, err := r.client(t, slog.New(slog.NewJSONHandler(book, nil))).Send(t.Context(), message())
			require.NotContains(t, book.String(), smtpPassword)
			if tt.ok {
				require.NoError(t, err)
				require.Len(t, r.Mails(), 1)
				return
			}
			require.Empty(t, r.Mails())
			if name == "no user" { // the server says so only when the mail begins
				return
			}
			require.ErrorIs(t, err, mail.ErrNotSent)
			require.ErrorIs(t, err, outside.ErrMisconfigured)
			require.NotContains(t, err.Error(), smtpPassword)
		})
	}
}

// F1: the server's answers quote addresses; ours do not.
func TestSMTP_Discreet(t *testing.T) {
	r := newSMTPRig(t, mailtest.SMTPConfig{}, false)
	book := &logBook{}
	client := r.client(t, slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	said := ""
	for _, mood := range []outsidetest.Mood{
		{Kind: outsidetest.Fine}, {Kind: outsidetest.Refuse}, {Kind: outsidetest.TooMany}, {Kind: outsidetest.CutAfter},
		{Kind: outsidetest.Status, Code: "rcpt"}, {Kind: outsidetest.Status, Status: 554},
	} {
		require.NoError(t, r.Moods.Script(mood))
		receipt, err := client.Send(t.Context(), withEverything())
		if err != nil {
			said += err.Error()
		}
		if receipt.Refusal != nil {
			said += receipt.Refusal.String()
		}
	}
	said += book.String()
	require.Contains(t, said, "outside call")
	for _, canary := range []string{"zoe", "Zoë", "customer.example", "Thank you", "receipt-42.pdf"} {
		require.NotContains(t, said, canary)
	}
}
