package knative

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// event is what the journal and the weather need to know of one.
type event struct {
	id, source, kind, subject, correlation string
	deadLetter                             bool
}

// identify reads the attributes from the headers (binary mode), or from the body
// (structured mode), which it puts back.
func identify(r *http.Request) event {
	if _, binary := r.Header["Ce-Id"]; binary || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/cloudevents+json") {
		return event{
			id:          r.Header.Get("Ce-Id"),
			source:      r.Header.Get("Ce-Source"),
			kind:        r.Header.Get("Ce-Type"),
			subject:     r.Header.Get("Ce-Subject"),
			correlation: r.Header.Get("Ce-Correlationid"),
			deadLetter:  r.Header.Get("Ce-Knativeerrordest") != "",
		}
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	var attributes struct {
		ID            string `json:"id"`
		Source        string `json:"source"`
		Type          string `json:"type"`
		Subject       string `json:"subject"`
		CorrelationID string `json:"correlationid"`
		ErrorDest     string `json:"knativeerrordest"`
	}
	_ = json.Unmarshal(body, &attributes) // whoever handles the request will complain
	return event{
		id: attributes.ID, source: attributes.Source, kind: attributes.Type, subject: attributes.Subject,
		correlation: attributes.CorrelationID, deadLetter: attributes.ErrorDest != "",
	}
}

// failing ends a body as it ended when it was first read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
