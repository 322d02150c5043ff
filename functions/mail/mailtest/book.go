package mailtest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// Mail is one delivered mail: one entry is one copy in the customer's inbox.
type Mail struct {
	ID          string       `json:"id"` // the service's own
	At          time.Time    `json:"at"`
	Key         string       `json:"key,omitempty"`        // gateway: the Idempotency-Key
	MessageID   string       `json:"message_id,omitempty"` // SMTP: without angle brackets
	From        string       `json:"from"`
	To          []string     `json:"to"`
	Subject     string       `json:"subject"`
	Text        string       `json:"text,omitempty"`
	HTML        string       `json:"html,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// Attachment is a file that came with a mail.
type Attachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Bytes       int    `json:"bytes"`
	SHA256      string `json:"sha256"`
}

func newAttachment(name, kind string, content []byte) Attachment {
	sum := sha256.Sum256(content)
	return Attachment{Filename: name, ContentType: kind, Bytes: len(content), SHA256: hex.EncodeToString(sum[:])}
}

// entry is one line of the book.
type entry struct {
	Mail        Mail   `json:"mail"`
	Fingerprint string `json:"fingerprint,omitempty"` // gateway: of the request that the key belongs to
}

// book holds what was delivered.
type book struct {
	clock   *outsidetest.Clock
	journal *outsidetest.Journal[entry]

	mu    sync.Mutex
	mails []Mail
}

func openBook(path string, clock *outsidetest.Clock, replay func(entry)) (*book, error) {
	if clock == nil {
		clock = &outsidetest.Clock{}
	}
	b := &book{clock: clock}
	journal, err := outsidetest.OpenJournal(path, func(line entry) error {
		clock.NotBefore(line.Mail.At)
		b.mails = append(b.mails, line.Mail)
		if replay != nil {
			replay(line)
		}
		return nil
	})
	b.journal = journal
	return b, err
}

// deliver puts a mail in the book and returns when it is on the disk.
func (b *book) deliver(line entry) error {
	b.mu.Lock()
	line.Mail.At = b.clock.Now()
	err := b.journal.Write(line)
	if err == nil {
		b.mails = append(b.mails, line.Mail)
	}
	b.mu.Unlock()
	if err == nil {
		err = b.journal.Sync()
	}
	return err
}

// Mails gives a copy of all delivered mails, oldest first.
func (b *book) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

// admin serves what no mail service has: GET /mails, and the moods below /moods/.
func admin(b *book, moods *outsidetest.Moods) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mails", func(w http.ResponseWriter, _ *http.Request) {
		mails := b.Mails()
		if mails == nil {
			mails = []Mail{}
		}
		outsidetest.WriteJSON(w, http.StatusOK, mails)
	})
	mux.Handle("/moods/", http.StripPrefix("/moods", moods.Admin()))
	return mux
}
