package mail_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/outside"
)

// senders gives one of each, with nobody who may be spoken to on the other side.
func senders(t *testing.T) map[string]mail.Sender {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	t.Cleanup(server.Close)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		if conn, err := listener.Accept(); err == nil {
			t.Error("somebody connected")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-accepted })
	smtp, err := mail.NewSMTP(config.SMTP{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, TLS: "none", Timeout: time.Second}, quiet)
	require.NoError(t, err)
	return map[string]mail.Sender{"smtp": smtp, "gateway": newGateway(server.URL, quiet)}
}

// Assurance 3.4: header injection, and everything else that no server is shown.
func TestSend_RefusesBeforeAnythingIsSent(t *testing.T) {
	line := "Bcc: everybody@example.com"
	for name, change := range map[string]func(*mail.Message){
		"crlf in subject":           func(m *mail.Message) { m.Subject = "hello\r\n" + line },
		"lf in subject":             func(m *mail.Message) { m.Subject = "hello\n" + line },
		"cr in subject":             func(m *mail.Message) { m.Subject = "hello\r" + line },
		"nul in subject":            func(m *mail.Message) { m.Subject = "hello\x00" },
		"nel in subject":            func(m *mail.Message) { m.Subject = "hello\u0085" + line },
		"line separator in subject": func(m *mail.Message) { m.Subject = "hello\u2028" + line },
		"bad utf-8 in subject":      func(m *mail.Message) { m.Subject = "hello\xff" },
		"subject empty":             func(m *mail.Message) { m.Subject = "" },
		"subject too long":          func(m *mail.Message) { m.Subject = strings.Repeat("x", mail.MaxSubjectLength+1) },
		"crlf in to":                func(m *mail.Message) { m.To = []string{"a@b.example\r\n" + line} },
		"crlf in a name":            func(m *mail.Message) { m.To = []string{"\"A\r\n" + line + "\" <a@b.example>"} },
		"crlf in second to":         func(m *mail.Message) { m.To = append(m.To, "a@b.example\nRCPT TO:<c@d.example>") },
		"two addresses in one":      func(m *mail.Message) { m.To = []string{"a@b.example, c@d.example"} },
		"no address":                func(m *mail.Message) { m.To = []string{"nobody"} },
		"no to":                     func(m *mail.Message) { m.To = nil },
		"too many":                  func(m *mail.Message) { m.To = make([]string, mail.MaxRecipients+1) },
		"an endless address":        func(m *mail.Message) { m.To = []string{strings.Repeat("x", 1000) + "@b.example"} },
		"crlf in from":              func(m *mail.Message) { m.From = "a@b.example\r\n" + line },
		"from empty":                func(m *mail.Message) { m.From = "" },
		"crlf in key":               func(m *mail.Message) { m.Key = "k\r\nX: y" },
		"key empty":                 func(m *mail.Message) { m.Key = "" },
		"key too long":              func(m *mail.Message) { m.Key = strings.Repeat("k", mail.MaxKeyLength+1) },
		"key not ASCII":             func(m *mail.Message) { m.Key = "kü" },
		"no body":                   func(m *mail.Message) { m.Text = "" },
		"crlf in file name":         func(m *mail.Message) { m.Attachments = []mail.Attachment{{Filename: "a\r\n" + line}} },
		"quote in file name":        func(m *mail.Message) { m.Attachments = []mail.Attachment{{Filename: `a"; x="b`}} },
		"path as file name":         func(m *mail.Message) { m.Attachments = []mail.Attachment{{Filename: "../a"}} },
		"no file name":              func(m *mail.Message) { m.Attachments = []mail.Attachment{{}} },
		"crlf in type": func(m *mail.Message) {
			m.Attachments = []mail.Attachment{{Filename: "a", ContentType: "text/plain\r\n" + line}}
		},
		"nonsense as type": func(m *mail.Message) { m.Attachments = []mail.Attachment{{Filename: "a", ContentType: "no type"}} },
		"too much": func(m *mail.Message) {
			m.Attachments = []mail.Attachment{{Filename: "a", Content: make([]byte, mail.MaxAttachmentBytes+1)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := message()
			change(&m)
			for way, sender := range senders(t) {
				receipt, err := sender.Send(t.Context(), m)
				require.NoError(t, err, way)
				require.NotNil(t, receipt.Refusal, way)
				require.Equal(t, "invalid_message", receipt.Refusal.Code)
				require.Empty(t, receipt.ProviderID)
				require.NotContains(t, receipt.Refusal.String(), "example", "the value is not quoted")
			}
		})
	}
}

func TestMessageID_FollowsFromTheKey(t *testing.T) {
	a := mail.MessageID("key", "Bank <no-reply@bank.example>")
	require.Equal(t, a, mail.MessageID("key", "other@bank.example"))
	require.NotEqual(t, a, mail.MessageID("key2", "other@bank.example"))
	require.Regexp(t, `^[0-9a-f]{32}@bank\.example$`, a)
}

func TestNew_ChoosesTheWay(t *testing.T) {
	for via, want := range map[string]mail.Sender{"": &mail.Gateway{}, "gateway": &mail.Gateway{}, "smtp": &mail.SMTP{}} {
		sender, err := mail.New(config.Mail{Via: via, SMTP: config.SMTP{Host: "h", Port: 25}}, outside.Options{})
		require.NoError(t, err)
		require.IsType(t, want, sender)
	}
	for _, bad := range []config.Mail{
		{Via: "pigeon"},
		{Via: "smtp"},
		{Via: "smtp", SMTP: config.SMTP{Host: "h", Port: 70000}},
		{Via: "smtp", SMTP: config.SMTP{Host: "h", Port: 25, TLS: "perhaps"}},
	} {
		_, err := mail.New(bad, outside.Options{})
		require.Error(t, err)
	}
}

func TestResendable(t *testing.T) {
	for _, sender := range senders(t) {
		_, gateway := sender.(*mail.Gateway)
		for age, want := range map[time.Duration]bool{
			0: true, time.Hour: true, 23*time.Hour - 1: true,
			23 * time.Hour: false, 24 * time.Hour: false, -time.Hour: false,
		} {
			require.Equal(t, want && gateway, sender.Resendable(age), age)
		}
	}
}
