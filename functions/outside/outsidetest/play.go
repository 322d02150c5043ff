package outsidetest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

type moodKey struct{}

// MoodOf gives the mood of the call being handled, for the kinds that the
// handler words itself. It is Fine outside [Moods.Wrap].
func MoodOf(r *http.Request) Mood {
	if mood, ok := r.Context().Value(moodKey{}).(Mood); ok {
		return mood
	}
	return Mood{Kind: Fine}
}

// Wrap plays the moods round an emulator's handler. op names the operation of
// a request. The body is read first (1 MiB at most), so that the server
// notices a client that leaves. Once begun, a call runs to its end even when
// its client has left, as a real system does.
func (m *Moods) Wrap(op func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
			http.Error(w, "request body: "+err.Error(), http.StatusBadRequest)
			return
		}
		mood := m.Next(op(r))
		if m.Seen != nil {
			m.Seen(r, body.Bytes(), mood)
		}
		ctx := context.WithValue(context.WithoutCancel(r.Context()), moodKey{}, mood)
		inner := r.Clone(ctx)
		inner.Body = readCloser{bytes.NewReader(body.Bytes())}
		m.play(mood, w, r, func(w http.ResponseWriter) { next.ServeHTTP(w, inner) })
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// play does one call in one mood. act does what was asked and answers.
func (m *Moods) play(mood Mood, w http.ResponseWriter, r *http.Request, act func(http.ResponseWriter)) {
	if mood.Kind != Busy {
		m.wait(time.Duration(mood.Delay))
	}
	aside := httptest.NewRecorder() // for answers that never go out as they are
	switch mood.Kind {
	case Status:
		turnAway(w, mood, http.StatusInternalServerError)
	case StatusAfter:
		act(aside)
		turnAway(w, mood, http.StatusInternalServerError)
	case TooMany:
		mood.Status = http.StatusTooManyRequests
		turnAway(w, mood, mood.Status)
	case TimeoutBefore:
		m.hold(r)
		Cut(w)
	case TimeoutAfter:
		act(aside)
		m.hold(r)
		Cut(w)
	case CutBefore:
		Cut(w)
	case CutAfter:
		act(aside)
		Cut(w)
	case CutMidBody:
		act(aside)
		w.Header().Set("Content-Type", aside.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(aside.Body.Len()+1))
		w.WriteHeader(aside.Code)
		_, _ = w.Write(aside.Body.Bytes()[:aside.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		Cut(w)
	case Garbage:
		act(aside)
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>\x00 it works? \xff</body>"))
	case Huge:
		act(aside)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"padding":"`))
		_, _ = w.Write(bytes.Repeat([]byte("x"), 2<<20))
		_, _ = w.Write([]byte(`"}`))
	case Redirect:
		http.Redirect(w, r, mood.Code, http.StatusTemporaryRedirect)
	default: // Fine, Slow, and what the handler words itself
		act(w)
	}
}

func turnAway(w http.ResponseWriter, mood Mood, status int) {
	if mood.Status != 0 {
		status = mood.Status
	}
	SetRetryAfter(w, mood)
	http.Error(w, http.StatusText(status), status)
}

// SetRetryAfter puts the mood's Retry-After on an answer, in whole seconds.
func SetRetryAfter(w http.ResponseWriter, mood Mood) {
	if mood.RetryAfter > 0 {
		seconds := (time.Duration(mood.RetryAfter) + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}

func (m *Moods) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.done:
	}
}

// Work takes the time of a Busy mood. A handler calls it between claiming a key
// and having an effect, so that the same key meets a running request.
func (m *Moods) Work(r *http.Request) {
	if mood := MoodOf(r); mood.Kind == Busy {
		m.wait(time.Duration(mood.Delay))
	}
}

// Final102 answers 102 Processing as the last word, as Mambu does: a status
// line that HTTP clients take for the announcement of another. The line is
// then held open and silent until the client leaves.
func (m *Moods) Final102(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		Cut(w) // an answer that goes nowhere anyway
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "HTTP/1.1 102 Processing\r\n\r\n"); err != nil {
		return
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = io.Copy(io.Discard, conn)
	}()
	timer := time.NewTimer(m.Hold)
	defer timer.Stop()
	select {
	case <-left:
		return
	case <-timer.C:
	case <-m.done:
	}
	_ = conn.Close()
	<-left
}

// hold keeps the line open and silent until the client leaves.
func (m *Moods) hold(r *http.Request) {
	timer := time.NewTimer(m.Hold)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
	case <-timer.C:
	case <-m.done:
	}
}

// Cut ends the connection without a proper end of the answer.
func Cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
		return
	}
	// No connection to take, or part of the answer is out: net/http's own
	// way to abort, which it neither logs nor spreads.
	panic(http.ErrAbortHandler)
}
