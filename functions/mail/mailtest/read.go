package mailtest

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// read takes a mail apart as a mail program would (RFC 5322, RFC 2045).
func read(raw []byte) (Mail, error) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Subject: subject, MessageID: strings.Trim(message.Header.Get("Message-ID"), "<>")}
	err = m.part(header{
		kind:        message.Header.Get("Content-Type"),
		encoding:    message.Header.Get("Content-Transfer-Encoding"),
		disposition: message.Header.Get("Content-Disposition"),
	}, message.Body)
	return m, err
}

type header struct{ kind, encoding, disposition string }

// part reads one part, and the parts inside it.
func (m *Mail) part(h header, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.kind)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			next, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			inner := header{
				kind:        next.Header.Get("Content-Type"),
				encoding:    next.Header.Get("Content-Transfer-Encoding"),
				disposition: next.Header.Get("Content-Disposition"),
			}
			if err := m.part(inner, next); err != nil {
				return err
			}
		}
	}
	content, err := io.ReadAll(decoded(h.encoding, body))
	if err != nil {
		return err
	}
	disposition, names, _ := mime.ParseMediaType(h.disposition)
	switch {
	case disposition == "attachment":
		m.Attachments = append(m.Attachments, newAttachment(names["filename"], kind, content))
	case kind == "text/html":
		m.HTML = line(content)
	default:
		m.Text = line(content)
	}
	return nil
}

func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// line undoes the line ends of the wire.
func line(content []byte) string { return strings.ReplaceAll(string(content), "\r\n", "\n") }
