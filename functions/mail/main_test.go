package mail_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"quittance.dev/functions/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet   = slog.New(slog.NewTextHandler(io.Discard, nil))
	counter atomic.Int64
)

// message is a good mail, different from every other.
func message() mail.Message {
	return mail.Message{
		Key:     fmt.Sprintf("receipt.issued/%d", counter.Add(1)),
		From:    "Quittance <no-reply@bank.example>",
		To:      []string{"Zoë Kundin <zoe@customer.example>"},
		Subject: "Your receipt № 42 – paid",
		Text:    "Thank you.\n.\nA line with one dot above.\nGrüße\n",
	}
}

// withEverything is a mail with an alternative and an attachment.
func withEverything() mail.Message {
	m := message()
	m.HTML = "<p>Thank you.</p>\n"
	m.Attachments = []mail.Attachment{{
		Filename: "receipt-42.pdf", ContentType: "application/pdf",
		Content: bytes.Repeat([]byte("%PDF-1.7 \x00\xff\r\n.\r\n"), 500),
	}}
	return m
}

// logBook collects log lines from several goroutines.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
