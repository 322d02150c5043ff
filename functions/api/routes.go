package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// routes is the mux with a memory: the document must list what is served.
type routes struct {
	mux         *http.ServeMux
	patterns    []string
	bodyTimeout time.Duration
}

// HandleFunc is for huma: its routes take JSON bodies only.
func (t *routes) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	h := http.Handler(http.HandlerFunc(handler))
	if strings.HasPrefix(pattern, http.MethodPost+" ") {
		h = t.jsonBody(h)
	}
	t.handle(pattern, h)
}

// handle serves a route that reads its own body.
func (t *routes) handle(pattern string, h http.Handler) {
	t.patterns = append(t.patterns, pattern)
	t.mux.Handle(pattern, h)
}

// ServeHTTP answers an unknown path or method as a problem. A path that is not
// in its canonical form is unknown: one resource, one path.
func (t *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path.Clean(r.URL.Path) {
		writeProblem(w, r, notFound.problem())
		return
	}
	if _, pattern := t.mux.Handler(r); pattern != "" {
		r.Header.Del("Accept") // there is one representation of everything
		t.mux.ServeHTTP(w, r)
		return
	}
	if allow := t.methods(r); len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		writeProblem(w, r, wrongMethod.problem())
		return
	}
	writeProblem(w, r, notFound.problem())
}

// methods lists what the path takes.
func (t *routes) methods(r *http.Request) []string {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := t.mux.Handler(probe); pattern != "" {
			allow = append(allow, method)
		}
	}
	slices.Sort(allow)
	return allow
}
