package knative

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Which Broker and Trigger a request comes from is told along the way in headers
// that Knative's filter and fan-out pass on (utils.PassThroughHeaders: the prefix
// knative-). The consumer does not see them.
const (
	brokerHeader  = "Knative-Laptop-Broker"
	triggerHeader = "Knative-Laptop-Trigger"
)

// hops observes and disturbs the requests that carry events. One value serves a
// whole data plane.
type hops struct {
	journal  Journal // may be nil
	weather  *Weather
	onCrash  func(service string) // may be nil
	attempts *attempts
	flight   *flight
}

// to wraps the handler at the end of a hop. consumer names it for the weather
// and the journal: a service, or a Broker when intoBroker is set.
func (s *hops) to(consumer string, intoBroker bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.flight.begin() {
			panic(http.ErrAbortHandler) // closing
		}
		defer s.flight.end()
		hop := Hop{Broker: consumer}
		if !intoBroker {
			hop = Hop{
				Broker: r.Header.Get(brokerHeader), Trigger: r.Header.Get(triggerHeader),
				Consumer: consumer, Path: r.URL.Path,
			}
			r.Header.Del(brokerHeader)
			r.Header.Del(triggerHeader)
		}
		if s.journal == nil && !s.weather.active() || r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		s.observe(w, r, consumer, hop, next)
	})
}

// observe gives the delivery its fate and tells the journal how it ended.
func (s *hops) observe(w http.ResponseWriter, r *http.Request, consumer string, hop Hop, next http.Handler) {
	hop.Start = time.Now()
	e := identify(r)
	hop.ID, hop.Source, hop.Type, hop.Subject = e.id, e.source, e.kind, e.subject
	hop.CorrelationID, hop.DeadLetter = e.correlation, e.deadLetter
	hop.Attempt = s.attempts.next(place{e.id, e.source, consumer, hop.Trigger, hop.Path})
	f := s.weather.fate(e, consumer, hop.Attempt)
	hop.Fault = f.named()

	a := &answer{ResponseWriter: w}
	answered := false
	defer func() { // also when a panic, ours or the handler's, cuts the connection
		if s.journal == nil {
			return
		}
		if answered {
			hop.Status = a.code()
		}
		hop.Duration = time.Since(hop.Start)
		s.journal.Record(hop)
	}()
	s.deliver(a, r, f, hop, next)
	answered = true
}

// deliver lets the fate happen. Returning from it answers the request; a panic
// with http.ErrAbortHandler cuts the connection.
func (s *hops) deliver(w http.ResponseWriter, r *http.Request, f fate, hop Hop, next http.Handler) {
	for _, fault := range f.also {
		s.weather.count(fault)
	}
	if f.hold > 0 && !sleep(r.Context(), f.hold) {
		panic(http.ErrAbortHandler) // the caller did not wait
	}
	if f.fault != "" {
		s.weather.count(f.fault)
	}
	if f.duplicate || f.fault == Crash {
		// Two deliveries need two bodies, and a crash outlives the request.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f.duplicate {
			s.again(r, body, f, hop, next)
		}
	}
	switch f.fault {
	case Drop:
		w.WriteHeader(http.StatusAccepted)
	case Refuse:
		http.Error(w, "bad weather", f.status)
	case Disconnect:
		panic(http.ErrAbortHandler)
	case LoseAnswer:
		next.ServeHTTP(newUnread(), r)
		panic(http.ErrAbortHandler)
	case Crash:
		s.crash(r, f, hop, next)
		panic(http.ErrAbortHandler)
	default:
		next.ServeHTTP(w, r)
	}
}

// again delivers a copy of the request once more, on its own: the caller may be
// gone by then. Close ends it.
func (s *hops) again(r *http.Request, body []byte, f fate, hop Hop, next http.Handler) {
	ctx := s.flight.ctx
	request := r.Clone(ctx)
	request.Body = io.NopCloser(bytes.NewReader(body))
	s.flight.run(func() {
		if !sleep(ctx, f.later) {
			return
		}
		w := newUnread()
		hop.Fault, hop.Start = Duplicate, time.Now()
		completed := serve(w, request, next)
		if s.journal == nil {
			return
		}
		if completed {
			hop.Status = w.code()
		}
		hop.Duration = time.Since(hop.Start)
		s.journal.Record(hop)
	})
}

// crash lets the handler work for a while, takes its context away, and does not
// wait for it: whoever is dead does not answer.
func (s *hops) crash(r *http.Request, f fate, hop Hop, next http.Handler) {
	ctx, cancel := context.WithCancel(s.flight.ctx)
	request := r.Clone(ctx)
	request.Body = r.Body
	done := make(chan struct{})
	s.flight.run(func() {
		defer close(done)
		serve(newUnread(), request, next)
	})
	timer := time.NewTimer(f.crash)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done: // it was quicker; the process dies all the same, before answering
	case <-r.Context().Done():
	}
	cancel()
	if s.onCrash != nil && hop.Consumer != "" {
		s.onCrash(hop.Consumer)
	}
}

// serve reports whether the handler answered; a panic is taken for a cut
// connection, as a server would.
func serve(w http.ResponseWriter, r *http.Request, h http.Handler) (completed bool) {
	defer func() {
		if !completed {
			_ = recover()
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
