package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/identity"
)

// routes is the mux with a memory: the document must list what is served.
type routes struct {
	mux         *http.ServeMux
	patterns    []string
	bodyTimeout time.Duration
	// access has what each pattern's operation declares; undeclared are those
	// without.
	access       map[string][]identity.Scope
	undeclared   []string
	authenticate func([]identity.Scope, http.Handler) http.Handler
}

// declare takes down who may use a route, before it is handled.
func (t *routes) declare(op *huma.Operation) {
	if len(op.Security) > 0 {
		t.access[op.Method+" "+op.Path] = scopesOf(op)
	}
}

// HandleFunc is for huma: its routes take JSON bodies only.
func (t *routes) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	h := http.Handler(http.HandlerFunc(handler))
	if strings.HasPrefix(pattern, http.MethodPost+" ") {
		h = t.jsonBody(h)
	}
	t.handle(pattern, h)
}

// handle serves a route that reads its own body, to whom it is open.
func (t *routes) handle(pattern string, h http.Handler) {
	scopes, declared := t.access[pattern]
	if !declared {
		t.undeclared = append(t.undeclared, pattern)
	}
	if len(scopes) > 0 || !declared { // a route that nobody declared is open to nobody
		h = t.authenticate(scopes, h)
	}
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
		if r.URL.Path == reportPath {
			r = negotiable(r)
		}
		r.Header.Del("Accept") // there is one representation of everything else
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
