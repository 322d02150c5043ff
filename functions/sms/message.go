package sms

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxTextLength is the longest text with its reference, in UTF-16 units, as Twilio counts them.
const MaxTextLength = 1600

// Message is one text message. The caller stores it before the first Send.
type Message struct {
	Key  string // names the notification; the reference follows from it
	To   string // in E.164 form, "+491701234567"
	Text string // without the reference; line feeds are allowed
}

var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// check says what makes a message unfit to send, without quoting it; "" when nothing does.
func (m Message) check() string {
	text := m.body()
	switch {
	case m.Key == "":
		return "key is empty"
	case !number.MatchString(m.To):
		return "to is not a number in E.164 form"
	case strings.TrimSpace(m.Text) == "":
		return "text is empty"
	case !utf8.ValidString(m.Text):
		return "text is not valid UTF-8"
	case strings.ContainsFunc(m.Text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return "text holds a control character"
	case len(utf16.Encode([]rune(text))) > MaxTextLength:
		return "text is too long"
	}
	return ""
}

func (m Message) body() string { return m.Text + "\nRef " + Reference(m.Key) }

// Reference is what a text with this key ends with: eight characters that are easy to read out.
func Reference(key string) string {
	sum := sha256.Sum256([]byte(key))
	return easy.EncodeToString(sum[:5])
}

// easy has no I, L, O, U: nobody takes one for another (Crockford's alphabet).
var easy = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
