package corpus

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

//go:embed *.jsonl
var files embed.FS

// Case is one bad input.
type Case struct {
	Name string `json:"name"`
	Why  string `json:"why,omitempty"`

	Body  string `json:"body,omitempty"`  // a template
	Bytes []byte `json:"bytes,omitempty"` // instead of Body: base64, for what is no text
	Bulk  struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"bulk,omitzero"`

	// Amount is the JSON text in the place of the amount, in Currency. Minor is
	// what it is worth when it is accepted after all.
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Minor    int64  `json:"minor,omitempty"`

	// Of CloudEvents: attributes and headers over those of a valid event in
	// binary mode; an empty value removes one. A body in structured mode says so
	// by its Content-Type. Payload means that only a function which reads the
	// payload refuses it; Kept, that it is a CloudEvent but over the limits of the
	// door. A dead-letter sink takes both.
	Header  map[string]string `json:"header,omitempty"`
	Twice   string            `json:"twice,omitempty"` // a header that is sent a second time
	Payload bool              `json:"payload,omitempty"`
	Kept    bool              `json:"kept,omitempty"`

	Status  int    `json:"status"`            // 0: accepted
	Problem string `json:"problem,omitempty"` // the type at the API, after urn:quittance:problem:
}

// Load reads a corpus by its name.
func Load(name string) ([]Case, error) {
	raw, err := files.ReadFile(name + ".jsonl")
	if err != nil {
		return nil, fmt.Errorf("corpus %s: %w", name, err)
	}
	var cases []Case
	names := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		var c Case
		if err := decoder.Decode(&c); err != nil {
			return nil, fmt.Errorf("corpus %s, line %d: %w", name, n, err)
		}
		if c.Name == "" || names[c.Name] {
			return nil, fmt.Errorf("corpus %s, line %d: the name %q is missing or there twice", name, n, c.Name)
		}
		names[c.Name] = true
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

// Subject is a JSON object that a door accepts, member by member.
type Subject struct{ names, values []string }

// Parse reads a subject, in the order of its members.
func Parse(object []byte) (Subject, error) {
	var s Subject
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return s, fmt.Errorf("subject: %w", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return s, fmt.Errorf("subject: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return s, fmt.Errorf("subject: %w", err)
		}
		s.names, s.values = append(s.names, fmt.Sprint(name)), append(s.values, string(value))
	}
	return s, nil
}

// member i as JSON.
func (s Subject) member(i int) string { return `"` + s.names[i] + `":` + s.values[i] }

func (s Subject) members() string {
	list := make([]string, len(s.names))
	for i := range s.names {
		list[i] = s.member(i)
	}
	return strings.Join(list, ",")
}

// Render fills the case's template.
func (c Case) Render(s Subject) []byte {
	if c.Bytes != nil {
		return c.Bytes
	}
	pairs := []string{
		"{{bulk}}", strings.Repeat(c.Bulk.Text, c.Bulk.Times),
		"{{valid}}", "{" + s.members() + "}", "{{members}}", s.members(), "{{cut}}", "{" + s.members(),
	}
	if len(s.names) > 0 {
		name, rest := s.names[0], ""
		for i := 1; i < len(s.names); i++ {
			rest += "," + s.member(i)
		}
		pairs = append(pairs,
			"{{first}}", s.member(0), "{{rest}}", rest, "{{name}}", name, "{{value}}", s.values[0],
			"{{NAME}}", strings.ToUpper(name), "{{Name}}", strings.ToUpper(name[:1])+name[1:],
			"{{folded}}", folded(name), "{{escaped}}", fmt.Sprintf(`\u%04x`, name[0])+name[1:], "{{wide}}", wide(name),
		)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(c.Body))
}

// folded spells a name with the letters that Unicode folds to k and s, or with
// one upper-case letter if it has neither.
func folded(name string) string {
	other := strings.NewReplacer("s", "\u017f", "k", "\u212a").Replace(name)
	if other == name {
		other = name[:len(name)-1] + strings.ToUpper(name[len(name)-1:])
	}
	return other
}

// wide spells the first letter as its full-width form.
func wide(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(r-'a'+'\uff41') + name[size:]
}
