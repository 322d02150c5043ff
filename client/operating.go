package client

import (
	"context"
	"iter"
	"time"
)

// JourneyState is how what a request set going stands.
type JourneyState string

// The states of a journey. JourneyStuck waits for a person.
const (
	JourneyRunning JourneyState = "running"
	JourneyDone    JourneyState = "done"
	JourneyStuck   JourneyState = "stuck"
)

// JourneyView is everything that one request set going.
type JourneyView struct {
	JourneyID string       `json:"journey_id"`
	State     JourneyState `json:"state"`
	Truncated bool         `json:"truncated"` // there are more events than those whose steps are shown
	Steps     []Step       `json:"steps"`
}

// StepState is how far an event is at one function.
type StepState string

// The states of a step. StepUnheard: nobody hears the event, on purpose.
const (
	StepWaiting    StepState = "waiting"
	StepWorking    StepState = "working"
	StepRetrying   StepState = "retrying"
	StepDeadLetter StepState = "dead-letter"
	StepDone       StepState = "done"
	StepUnheard    StepState = "unheard"
)

// Step is one event of a journey at one function.
type Step struct {
	Event      EventType `json:"event"`
	EventID    string    `json:"event_id"`
	Subject    string    `json:"subject"`
	SaidBy     string    `json:"said_by"`
	SaidAt     time.Time `json:"said_at"`
	Function   string    `json:"function,omitempty"`
	State      StepState `json:"state"`
	Attempts   int       `json:"attempts"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	DurationMS *int64    `json:"duration_ms,omitempty"` // from said to done
}

// GetJourney follows what a request set going, step by step.
func (c *Client) GetJourney(ctx context.Context, journeyID string) (JourneyView, error) {
	return read[JourneyView](ctx, c, in("/journeys/%s", journeyID), nil)
}

// DeadLetterStatus is what became of a dead letter.
type DeadLetterStatus string

// The statuses of a dead letter.
const (
	DeadLetterOpen      DeadLetterStatus = "open"
	DeadLetterReplaying DeadLetterStatus = "replaying"
	DeadLetterReplayed  DeadLetterStatus = "replayed"
	DeadLetterDiscarded DeadLetterStatus = "discarded"
)

// DeadLetter is an event that a function could not handle.
type DeadLetter struct {
	DeadLetterID string           `json:"dead_letter_id"`
	Consumer     string           `json:"consumer"` // who could not handle it
	Source       string           `json:"source"`
	EventID      string           `json:"event_id"`
	Event        EventType        `json:"event"`
	Subject      string           `json:"subject,omitempty"`
	JourneyID    string           `json:"journey_id,omitempty"`
	Code         int              `json:"code,omitempty"` // the last HTTP status that the function answered
	Reason       string           `json:"reason"`
	Attempts     int              `json:"attempts"`
	Times        int              `json:"times"` // how often it ended here
	Status       DeadLetterStatus `json:"status"`
	FirstAt      time.Time        `json:"first_at"`
	LastAt       time.Time        `json:"last_at"`
}

// DeadLetterList is a page of dead letters, newest first.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        string       `json:"next,omitempty"` // After of the next page, "" at the end
}

// DeadLetterFilter says which dead letters are meant; what is not set leaves none
// out.
type DeadLetterFilter struct {
	Consumer string
	Status   DeadLetterStatus
}

// ListDeadLetters reads a page of the events that wait for a person. For operators.
func (c *Client) ListDeadLetters(ctx context.Context, f DeadLetterFilter, p Page) (DeadLetterList, error) {
	q := p.query()
	set(q, "consumer", f.Consumer)
	set(q, "status", string(f.Status))
	return read[DeadLetterList](ctx, c, "/dead-letters", q)
}

// DeadLetters goes through the events that wait for a person.
func (c *Client) DeadLetters(ctx context.Context, f DeadLetterFilter) iter.Seq2[DeadLetter, error] {
	return pages(ctx, Page{Limit: 100}, func(ctx context.Context, p Page) ([]DeadLetter, string, error) {
		list, err := c.ListDeadLetters(ctx, f, p)
		return list.DeadLetters, list.Next, err
	})
}
