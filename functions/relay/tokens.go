package relay

import (
	"net/http"
	"path/filepath"

	"quittance.dev/events"
	"quittance.dev/functions/secret"
)

// WithTokens is next for a platform on which a Broker asks who posts: a request
// to a Broker's address carries the token in the file of that Broker's name in
// folder, one for each because a token is good for one audience. The platform
// renews the files, and they are read again when it does. Requests to functions
// carry none. Without a token the post fails, and the event is tried again later.
func WithTokens(next http.RoundTripper, address func(events.Broker) string, folder string) http.RoundTripper {
	t := tokens{next: next, files: map[string]*secret.File[string]{}}
	for _, b := range events.Brokers() {
		t.files[address(b)] = secret.Watch(filepath.Join(folder, string(b)), secret.Text)
	}
	return t
}

type tokens struct {
	next  http.RoundTripper
	files map[string]*secret.File[string] // by the address of their Broker
}

// RoundTrip implements [http.RoundTripper].
func (t tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if file := t.files[r.URL.String()]; file != nil {
		token, err := file.Get()
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close() // the contract of a RoundTripper
			}
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return t.next.RoundTrip(r)
}
