package api

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
)

type requestIDKey struct{}

// requestID is the id of ctx's request.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identify gives every request an id: the caller's own, if it is a plain word,
// else a new one. It goes back in the answer and into every log line.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !isWord(id) {
			id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// isWord: 1 to 64 letters, digits, dots, dashes and underscores. Safe in a
// header, a log line and a URI.
func isWord(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// secure sets the headers that keep a browser from doing anything clever with
// an answer. There is no CORS: a page of another origin has no business here.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// guard keeps the process alive and writes one log line per request. The line
// has the route, not the path: a path is the caller's text. It stands right
// before the routes, so that the request it holds is the one whose pattern they
// set.
func (a *api) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		answer := &answered{ResponseWriter: w}
		defer func() {
			p := recover()
			cut := p == http.ErrAbortHandler //nolint:errorlint // a panic's value, which nobody wraps
			if p != nil && !cut {
				a.log(r.Context()).ErrorContext(r.Context(), "panic", "panic", p, "stack", string(debug.Stack()))
				if answer.status == 0 {
					writeProblem(answer, r, internalError.problem())
				}
			}
			a.log(r.Context()).InfoContext(r.Context(), "answered", "method", method(r), "route", r.Pattern,
				"status", answer.status, "duration_ms", time.Since(started).Milliseconds())
			if cut {
				panic(p) //nolint:forbidigo // net/http's own way to cut a connection: what was sent is not whole
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// method is the request's method if it is one, for the log.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// answered knows whether, and with what, a request was answered.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(body)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
