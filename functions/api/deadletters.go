package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/identity"
)

// DeadLetter is an event that a function could not handle. Its payload is not
// shown here.
type DeadLetter struct {
	DeadLetterID string    `json:"dead_letter_id" doc:"The id."`
	Consumer     string    `json:"consumer" doc:"Who could not handle it."`
	Source       string    `json:"source" doc:"The event's source."`
	EventID      string    `json:"event_id" doc:"The event's id."`
	Event        string    `json:"event" doc:"The event's type."`
	Subject      string    `json:"subject,omitempty" doc:"What it is about."`
	JourneyID    string    `json:"journey_id,omitempty" doc:"The journey that stands still."`
	Code         int       `json:"code,omitempty" doc:"The last HTTP status that the function answered."`
	Reason       string    `json:"reason" doc:"Why, in the function's own words."`
	Attempts     int       `json:"attempts" doc:"Failed deliveries."`
	Times        int       `json:"times" doc:"How often it ended here."`
	Status       string    `json:"status" doc:"What became of it." enum:"open,replaying,replayed,discarded"`
	FirstAt      time.Time `json:"first_at" doc:"When it first ended here."`
	LastAt       time.Time `json:"last_at" doc:"When it last did."`
}

// DeadLetterList is a page of dead letters.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"dead_letters" nullable:"false" doc:"Newest first."`
	Next        string       `json:"next,omitempty" doc:"The value of after for the next page; absent at the end."`
}

func (a *api) deadLetterRoutes() {
	type input struct {
		Page
		Consumer string `query:"consumer" pattern:"^[a-z-]{1,63}$" patternDescription:"the name of a function" doc:"Only this function's."`
		Status   string `query:"status" enum:"open,replaying,replayed,discarded" doc:"Only those that stand so."`
	}
	type output struct{ Body DeadLetterList }
	register(a, huma.Operation{
		OperationID: "list-dead-letters", Method: http.MethodGet, Path: "/dead-letters", Tags: []string{"Operating"}, Security: allow(identity.Operator),
		Summary: "List the events that wait for a person",
	}, []kind{invalidCursor}, func(ctx context.Context, in *input) (*output, error) {
		from, err := in.place()
		if err != nil {
			return nil, err
		}
		if in.After != "" && (!isID(from.id) || from.at.IsZero()) {
			return nil, invalidCursor.problem()
		}
		found, err := a.deadLetters(ctx, in.Consumer, in.Status, from, in.Limit+1)
		if err != nil {
			return nil, err
		}
		found, next := cut(found, in.Limit, func(d DeadLetter) place { return place{d.FirstAt, d.DeadLetterID} })
		return &output{DeadLetterList{DeadLetters: append([]DeadLetter{}, found...), Next: next}}, nil
	})
}
