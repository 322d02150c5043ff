package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits on one message. They are ours, chosen below what the gateways accept, so that a message
// is refused here with a reason and not there with a riddle.
const (
	MaxKeyLength       = 256      // Resend's limit for an Idempotency-Key
	MaxRecipients      = 50       // Resend's limit for "to"
	MaxSubjectLength   = 500      // characters
	MaxAttachmentBytes = 20 << 20 // all attachments of a message together, before base64
)

// Message is one e-mail. The caller stores it before the first Send and passes the very same values
// on every retry: a gateway refuses a key that comes back with another body.
type Message struct {
	// Key names the notification: the same key is the same mail. It becomes the Idempotency-Key at
	// a gateway and the Message-ID over SMTP. 1 to MaxKeyLength printable ASCII characters.
	Key string
	// From is one address, "bank@example.com" or "Quittance <bank@example.com>".
	From string
	// To is the recipients, each in the same form as From.
	To []string
	// Subject is one line of text.
	Subject string
	// Text is the plain body; HTML is an alternative to it. At least one must be there.
	Text, HTML  string
	Attachments []Attachment
}

// Attachment is one file that travels with a message.
type Attachment struct {
	Filename    string // a bare name such as "receipt-42.pdf", no path
	ContentType string // for example "application/pdf"; "" means application/octet-stream
	Content     []byte
}

// invalid is a message that no server should be shown. Its text names the field and never quotes
// the value, which is personal data.
type invalid struct{ field, why string }

func (e *invalid) Error() string { return e.field + " " + e.why }

// check finds what makes a message unfit to send. A line break in a header field would let whoever
// chose the field's value write headers of their own, so it is refused here for every Sender, before
// any library sees it.
func (m Message) check() *invalid {
	if err := checkKey(m.Key); err != nil {
		return err
	}
	if err := checkAddress("from", m.From); err != nil {
		return err
	}
	if len(m.To) == 0 || len(m.To) > MaxRecipients {
		return &invalid{"to", fmt.Sprintf("must hold 1 to %d addresses", MaxRecipients)}
	}
	for _, to := range m.To {
		if err := checkAddress("to", to); err != nil {
			return err
		}
	}
	if err := checkLine("subject", m.Subject); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(m.Subject); n == 0 || n > MaxSubjectLength {
		return &invalid{"subject", fmt.Sprintf("must be 1 to %d characters", MaxSubjectLength)}
	}
	if m.Text == "" && m.HTML == "" {
		return &invalid{"text", "and html are both empty"}
	}
	return checkAttachments(m.Attachments)
}

func checkKey(key string) *invalid {
	if key == "" || len(key) > MaxKeyLength {
		return &invalid{"key", fmt.Sprintf("must be 1 to %d characters", MaxKeyLength)}
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return &invalid{"key", "must be printable ASCII without spaces"}
		}
	}
	return nil
}

func checkAddress(field, address string) *invalid {
	if err := checkLine(field, address); err != nil {
		return err
	}
	if len(address) > 320+100 { // an address of RFC 5321's maximum, and a name
		return &invalid{field, "is too long"}
	}
	if _, err := netmail.ParseAddress(address); err != nil {
		return &invalid{field, "is not one e-mail address"}
	}
	return nil
}

// checkLine refuses every control character, not only CR and LF: some servers end a line at NEL,
// vertical tab or a Unicode line separator.
func checkLine(field, value string) *invalid {
	if !utf8.ValidString(value) {
		return &invalid{field, "is not valid UTF-8"}
	}
	for _, r := range value {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return &invalid{field, "holds a control character or a line break"}
		}
	}
	return nil
}

func checkAttachments(attachments []Attachment) *invalid {
	total := 0
	for _, a := range attachments {
		if err := checkLine("attachment name", a.Filename); err != nil {
			return err
		}
		if a.Filename == "" || len(a.Filename) > 200 || strings.ContainsAny(a.Filename, `/\"`) {
			return &invalid{"attachment name", "must be a bare file name"}
		}
		if a.ContentType != "" {
			if _, _, err := mime.ParseMediaType(a.ContentType); err != nil || checkLine("", a.ContentType) != nil {
				return &invalid{"attachment type", "is not a media type"}
			}
		}
		if total += len(a.Content); total > MaxAttachmentBytes {
			return &invalid{"attachments", fmt.Sprintf("are more than %d bytes together", MaxAttachmentBytes)}
		}
	}
	return nil
}

// MessageID is the Message-ID that a mail with this key carries over SMTP, without the angle
// brackets. It depends on nothing but the key and the sender's domain, so a mail that went out twice
// is one mail to whoever compares: the receiving server, the customer's mail program, an operator
// with a log.
func MessageID(key, from string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16]) + "@" + domainOf(from)
}

// domainOf gives the domain of an address, or "localhost" where there is none.
func domainOf(from string) string {
	if address, err := netmail.ParseAddress(from); err == nil {
		if at := strings.LastIndexByte(address.Address, '@'); at >= 0 {
			return address.Address[at+1:]
		}
	}
	return "localhost"
}
