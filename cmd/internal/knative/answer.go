package knative

import "net/http"

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// code is the status that the caller sees once the handler has returned.
func (a *answer) code() int {
	if a.status == 0 {
		return http.StatusOK // net/http says it for a handler that said nothing
	}
	return a.status
}

// newUnread returns an answer that nobody will read.
func newUnread() *answer { return &answer{ResponseWriter: make(unread)} }

type unread http.Header

func (u unread) Header() http.Header       { return http.Header(u) }
func (unread) WriteHeader(int)             {}
func (unread) Write(p []byte) (int, error) { return len(p), nil }
