package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/strictjson"
)

// Media types of CloudEvents (the JSON event format and the HTTP binding, 1.0.2).
const (
	eventMediaType = "application/cloudevents+json"
	batchMediaType = "application/cloudevents-batch+json"
)

// Limits of a batch.
const (
	maxBatch      = 100       // events
	maxBatchBytes = 256 << 10 // as much as the kernel takes for one event
)

// AcceptedEvent is the answer for one event.
type AcceptedEvent struct {
	Source    string `json:"source" doc:"The event's source."`
	ID        string `json:"id" doc:"The event's id."`
	JourneyID string `json:"journey_id" doc:"What it set going; GET /journeys/{journey_id} shows how far it is."`
}

// AcceptedEvents is the answer to POST /events.
type AcceptedEvents struct {
	Events []AcceptedEvent `json:"events" nullable:"false" doc:"In the order in which they came."`
}

// takeEvents is POST /events. Reading has no effect, so a batch with one bad
// event leaves nothing behind.
func (a *api) takeEvents(w http.ResponseWriter, r *http.Request) {
	pending, p := a.readEvents(w, r)
	if p == nil {
		p = a.deliverAll(r.Context(), pending)
	}
	if p != nil {
		writeProblem(w, r, p)
		return
	}
	answer := AcceptedEvents{Events: make([]AcceptedEvent, len(pending))}
	for i, e := range pending {
		answer.Events[i] = AcceptedEvent{Source: e.Source(), ID: e.ID(), JourneyID: e.Data().Subject()}
	}
	if len(pending) == 1 {
		j := journey(pending[0].Data().Subject())
		w.Header().Set("Quittance-Journey", j.ID)
		w.Header().Set("Link", j.Link)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.MarshalWrite(w, answer) // the caller has left; the events are in
}

func (a *api) readEvents(w http.ResponseWriter, r *http.Request) ([]fn.Pending, *Problem) {
	if !isMediaType(r, batchMediaType) {
		e, p := a.readEvent(w, r, "")
		return []fn.Pending{e}, p
	}
	body, p := a.routes.readBody(w, r, maxBatchBytes)
	if p != nil {
		return nil, p
	}
	batch, p := splitBatch(body)
	if p != nil {
		return nil, p
	}
	pending := make([]fn.Pending, len(batch))
	for i, one := range batch {
		single, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "/events", bytes.NewReader(one))
		if err != nil {
			return nil, internalError.problem()
		}
		single.Header.Set("Content-Type", eventMediaType)
		if pending[i], p = a.readEvent(w, single, "/"+strconv.Itoa(i)); p != nil {
			return nil, p
		}
	}
	return pending, nil
}

// splitBatch takes a batch apart: a strict JSON array of objects.
func splitBatch(body []byte) ([]jsontext.Value, *Problem) {
	if err := strictjson.Check(body); err != nil {
		return nil, malformedJSON.problem(FieldError{Detail: err.Error()})
	}
	var batch []jsontext.Value
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, malformedEvent.problem(FieldError{Detail: "a batch is a JSON array"})
	}
	if len(batch) == 0 || len(batch) > maxBatch {
		return nil, malformedEvent.problem(FieldError{Detail: fmt.Sprintf("a batch holds 1 to %d events", maxBatch)})
	}
	return batch, nil
}

// readEvent reads one event and keeps out what is not for outsiders to say.
func (a *api) readEvent(w http.ResponseWriter, r *http.Request, pointer string) (fn.Pending, *Problem) {
	e, err := a.host.Read(w, r)
	if err != nil {
		return e, eventProblem(err, pointer)
	}
	if entry, _ := events.Lookup(e.Data().Type()); !entry.Public {
		return e, malformedEvent.problem(FieldError{Pointer: pointer, Detail: "not a public event type"})
	}
	if strings.HasPrefix(e.Source(), fn.Source("")) {
		return e, malformedEvent.problem(FieldError{Pointer: pointer, Detail: "a source under " + fn.Source("") + " is the bank's own"})
	}
	if err := a.owns(r.Context(), ownersOfAccount, accountOfEvent(e.Data())); err != nil {
		p := a.problemOf(r.Context(), err)
		p.Errors = append(p.Errors, FieldError{Pointer: pointer, Detail: "its account is none of yours"})
		return e, p
	}
	return e, nil
}

// accountOfEvent is the account that a public event would move money on, "" for
// any other event.
func accountOfEvent(data events.Data) string {
	switch d := data.(type) {
	case events.DepositRequested:
		return d.AccountID
	case events.WithdrawalRequested:
		return d.AccountID
	}
	return ""
}

// deliverAll has every event handled; they share transactions. Events that are
// known already are fine. If some cannot be handled the answer says which: the
// others are in, and sending the whole batch again does no harm.
func (a *api) deliverAll(ctx context.Context, pending []fn.Pending) *Problem {
	problems := make([]*Problem, len(pending))
	var wg sync.WaitGroup
	for i, e := range pending {
		wg.Go(func() {
			if err := a.host.Deliver(ctx, e); err != nil {
				pointer := ""
				if len(pending) > 1 {
					pointer = "/" + strconv.Itoa(i)
				}
				problems[i] = eventProblem(err, pointer)
			}
		})
	}
	wg.Wait()
	var worst *Problem
	var all []FieldError
	for _, p := range problems {
		if p == nil {
			continue
		}
		all = append(all, p.Errors...)
		if worst == nil || p.Status > worst.Status { // what passes comes first: ask again
			worst = p
		}
	}
	if worst != nil {
		worst.Errors = all
	}
	return worst
}

// eventProblem retells the kernel's verdict.
func eventProblem(err error, pointer string) *Problem {
	answer, reason := fn.Verdict(err)
	k := unavailable
	switch answer {
	case fn.Malformed:
		k = malformedEvent
	case fn.TooLarge:
		k = tooLarge
	case fn.Unsupported:
		k = wrongMediaType
	case fn.Refused:
		k = eventConflict
		reason = "the same source and id, or the same operation, came before with other content"
	case fn.InFlight:
		k = inFlight
	default: // it passes
	}
	// The codec's words may hold what was sent.
	if strings.HasPrefix(reason, "not a CloudEvent") {
		reason = "not a CloudEvent of version 1.0 with id, source and type"
	}
	if strings.HasPrefix(reason, "this function does not hear") {
		reason = "not a public event type"
	}
	return k.problem(FieldError{Pointer: pointer, Detail: reason})
}

// envelope has data delivered as an event that came from outside.
func (a *api) envelope(ctx context.Context, e fn.Envelope) error {
	r, err := e.Request(ctx, "/")
	if err != nil {
		return err
	}
	pending, err := a.host.Read(discard{}, r)
	if err != nil {
		return err
	}
	return a.host.Deliver(ctx, pending)
}

// discard is a ResponseWriter that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return io.Discard.Write(b) }
func (discard) WriteHeader(int)             {}
