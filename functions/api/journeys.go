package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/identity"
)

// JourneyView is everything that one request set going.
type JourneyView struct {
	JourneyID string `json:"journey_id" doc:"The id."`
	State     string `json:"state" doc:"done when every event was handled by everybody who hears it; stuck when a dead letter or a closure that was refused waits for a person. It speaks of the steps that are shown." enum:"running,done,stuck"`
	Truncated bool   `json:"truncated" doc:"There are more events than the first 500, whose steps are shown."`
	Steps     []Step `json:"steps" nullable:"false" doc:"One per event and function that hears it, in the order in which the events were said."`
}

// Step is one event of a journey at one function.
type Step struct {
	Event      events.Type `json:"event" doc:"What happened, or was asked for."`
	EventID    string      `json:"event_id" doc:"Its id."`
	Subject    string      `json:"subject" doc:"What it is about."`
	SaidBy     string      `json:"said_by" doc:"The source of the event."`
	SaidAt     time.Time   `json:"said_at" doc:"When it was committed."`
	Function   string      `json:"function,omitempty" doc:"Who hears it; absent when nobody does, on purpose."`
	State      string      `json:"state" doc:"waiting: not arrived yet; working: being handled; retrying: it failed and is tried again; dead-letter: it waits for a person; done; unheard: nobody hears it." enum:"waiting,working,retrying,dead-letter,done,unheard"`
	Attempts   int         `json:"attempts" doc:"Deliveries that the function took up, failed ones included."`
	StartedAt  time.Time   `json:"started_at,omitzero" doc:"When the function first took it up."`
	FinishedAt time.Time   `json:"finished_at,omitzero" doc:"When its effect was committed."`
	DurationMS *int64      `json:"duration_ms,omitempty" doc:"From said to done, in milliseconds."`
}

func (a *api) journeyRoutes() {
	type input struct {
		JourneyID string `path:"journey_id" doc:"From the header Quittance-Journey."`
	}
	type output struct{ Body JourneyView }
	register(a, huma.Operation{
		OperationID: "get-journey", Method: http.MethodGet, Path: "/journeys/{journey_id}", Tags: []string{"Operating"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Follow what a request set going, step by step",
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		if !isAttribute(in.JourneyID) {
			return nil, errNotFound
		}
		if err := a.reads(ctx, ownersOfJourney, in.JourneyID); err != nil {
			return nil, err
		}
		said, truncated, err := a.saidIn(ctx, in.JourneyID)
		if err != nil {
			return nil, err
		}
		if len(said) == 0 {
			return nil, errNotFound
		}
		heard, err := a.heardOf(ctx, said)
		if err != nil {
			return nil, err
		}
		view := viewOf(in.JourneyID, said, heard)
		view.Truncated = truncated
		return &output{view}, nil
	})
}

// saidEvent is an event of a journey.
type saidEvent struct {
	Source, ID string
	Type       events.Type
	Subject    string
	At         time.Time
}

// hearing is what became of an event at one function.
type hearing struct {
	Source, ID, Function string
	State                string // of the idempotency row, "" when there is none
	Claims               int
	First, Done          *time.Time
	Failures             int
	Dead                 bool // an open dead letter
}

func (h hearing) key() string { return h.Source + "\x00" + h.ID }

// viewOf puts the steps together: for each event the functions that the
// catalogue says hear it, and any other that did.
func viewOf(id string, said []saidEvent, heard []hearing) JourneyView {
	view := JourneyView{JourneyID: id, State: "done", Steps: []Step{}}
	byEvent := map[string][]hearing{}
	for _, h := range heard {
		byEvent[h.key()] = append(byEvent[h.key()], h)
	}
	for _, e := range said {
		hearings := byEvent[e.Source+"\x00"+e.ID]
		entry, _ := events.Lookup(e.Type)
		for _, function := range entry.Hears {
			if !slices.ContainsFunc(hearings, func(h hearing) bool { return h.Function == function }) {
				hearings = append(hearings, hearing{Source: e.Source, ID: e.ID, Function: function})
			}
		}
		if len(hearings) == 0 {
			hearings = []hearing{{}}
		}
		for _, h := range hearings {
			view.add(stepOf(e, h))
		}
	}
	if closureStands(said) {
		view.State = "stuck"
	}
	return view
}

// closureStands tells whether a closure was refused and stands still: nobody hears
// of the refusal, so no step shows it. It goes on when a person resumes it, and
// then something later is said of it.
func closureStands(said []saidEvent) bool {
	parked := map[string]bool{}
	for _, e := range said {
		switch e.Type {
		case events.TypeClosureRefused:
			parked[e.Subject] = true
		case events.TypeClosureStarted, events.TypeClosureMambuClosed:
			delete(parked, e.Subject)
		case events.TypeAccountClosed: // its subject is the account
			delete(parked, closure.ID(e.Subject))
		default: // says nothing of a closure
		}
	}
	return len(parked) > 0
}

func (v *JourneyView) add(s Step) {
	switch s.State {
	case "done", "unheard":
	case "dead-letter":
		v.State = "stuck"
	default:
		if v.State == "done" {
			v.State = "running"
		}
	}
	v.Steps = append(v.Steps, s)
}

func stepOf(e saidEvent, h hearing) Step {
	s := Step{
		Event: e.Type, EventID: e.ID, Subject: e.Subject, SaidBy: e.Source, SaidAt: e.At.UTC(),
		Function: h.Function, State: h.state(), Attempts: h.attempts(),
	}
	if h.First != nil {
		s.StartedAt = h.First.UTC()
	}
	if h.Done != nil {
		s.FinishedAt = h.Done.UTC()
		took := h.Done.Sub(e.At).Milliseconds()
		s.DurationMS = &took
	}
	return s
}

func (h hearing) state() string {
	switch {
	case h.Function == "":
		return "unheard"
	case h.State == "done":
		return "done"
	case h.Dead:
		return "dead-letter"
	case h.Failures > 0:
		return "retrying"
	case h.State == "claimed":
		return "working"
	}
	return "waiting"
}

// attempts: a failed local delivery leaves no claim, a failed remote one does.
func (h hearing) attempts() int {
	if h.State == "done" && h.Failures >= h.Claims {
		return h.Failures + 1
	}
	return max(h.Claims, h.Failures)
}

// isAttribute: what could stand in an event at all. A journey that an integrator
// began may have any such id.
func isAttribute(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return len(s) <= 256
}
