package corpus

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"quittance.dev/functions/fn"
)

// Request is a case of the corpus cloudevents against url: valid is an event
// that the door there would take, and the case breaks it. Besides the places
// of its payload, the template has {{id}}, {{source}} and {{type}}.
func (c Case) Request(ctx context.Context, url string, valid fn.Envelope) (*http.Request, error) {
	subject, err := Parse(valid.Data)
	if err != nil {
		return nil, err
	}
	body := valid.Data
	if c.Body != "" || c.Bytes != nil {
		body = c.Render(subject)
	}
	if c.Bytes == nil {
		body = []byte(strings.NewReplacer("{{id}}", valid.ID, "{{source}}", valid.Source, "{{type}}", string(valid.Type)).Replace(string(body)))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if !strings.HasPrefix(c.Header["Content-Type"], "application/cloudevents") {
		r.Header.Set("Ce-Specversion", "1.0")
		r.Header.Set("Ce-Id", valid.ID)
		r.Header.Set("Ce-Source", valid.Source)
		r.Header.Set("Ce-Type", string(valid.Type))
	}
	for name, value := range c.Header {
		value = strings.ReplaceAll(value, "{{bulk}}", strings.Repeat(c.Bulk.Text, c.Bulk.Times))
		value = strings.ReplaceAll(value, "{{type}}", string(valid.Type))
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	if c.Twice != "" {
		r.Header.Add(c.Twice, r.Header.Get(c.Twice))
	}
	return r, nil
}
