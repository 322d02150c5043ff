package notify

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"unicode"

	"quittance.dev/events/money"
	"quittance.dev/functions/notification"
)

// Each file is named for kind and channel. The first line of a mail is its
// subject, an empty line follows.
//
//go:embed templates/*.txt
var templates embed.FS

// view is what a template sees. Nothing in it spans lines.
type view struct {
	Name          string // of the customer
	Account       string // its id
	AccountEnd    string // the last digits of it
	Invoice       string
	ReceiptNumber string
	Amount        string // with currency
	Balance       string // with currency
	Reason        string
}

func viewOf(n notification.Notification, name string) view {
	c := n.Content
	return view{
		Name: oneLine(name), Account: oneLine(c.AccountID), AccountEnd: oneLine(end(c.AccountID)),
		Invoice: oneLine(c.InvoiceID), ReceiptNumber: oneLine(c.ReceiptNumber), Reason: oneLine(string(c.Reason)),
		Amount:  money.Amount{Minor: c.AmountMinor, Currency: c.Currency}.String(),
		Balance: money.Amount{Minor: c.BalanceMinor, Currency: c.Currency}.String(),
	}
}

// end is enough of an id for its owner to know it by.
func end(id string) string { return id[max(0, len(id)-4):] }

// oneLine keeps a value from ending the line that it stands in: a name, or a
// number in a subject, writes no header and no line of its own.
func oneLine(value string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(value, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\u2028' || r == '\u2029'
	}), " ")
}

// texts writes messages.
type texts struct{ parsed *template.Template }

// newTexts reads the templates. They are part of the program: one that does
// not parse is found by the first test, not by a customer.
func newTexts() texts {
	return texts{template.Must(template.New("").Option("missingkey=error").ParseFS(templates, "templates/*.txt"))}
}

// write makes the text of n for a customer of that name; a mail has a subject,
// too. The same n and name give the same bytes.
func (t texts) write(n notification.Notification, name string) (subject, body string, err error) {
	var out strings.Builder
	file := string(n.Kind) + "." + string(n.Channel) + ".txt"
	if err := t.parsed.ExecuteTemplate(&out, file, viewOf(n, name)); err != nil {
		return "", "", fmt.Errorf("write %s: %w", file, err)
	}
	if n.Channel == notification.SMS {
		return "", strings.TrimSpace(out.String()), nil
	}
	subject, body, _ = strings.Cut(out.String(), "\n\n")
	return subject, body, nil
}
