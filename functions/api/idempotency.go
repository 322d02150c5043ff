package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/idempotency"
	"quittance.dev/functions/identity"
)

// KeyView is what became of your requests under a key.
type KeyView struct {
	Key      string       `json:"key" doc:"The key, without quotes."`
	Requests []KeyRequest `json:"requests" nullable:"false" doc:"One per route, oldest first."`
}

// KeyRequest is one request and what it was answered.
type KeyRequest struct {
	Method     string    `json:"method" doc:"Its method."`
	Route      string    `json:"route" doc:"Its path, with the names of parameters in place of their values."`
	Status     int       `json:"status,omitempty" doc:"The status of its answer; absent while it is asked and not answered: send the request again, with the key, to learn what became of it."`
	Location   string    `json:"location,omitempty" doc:"What it made, where that has an address."`
	JourneyID  string    `json:"journey_id,omitempty" doc:"What it set going."`
	AnsweredAt time.Time `json:"answered_at,omitzero" doc:"When it was done."`
	ExpiresAt  time.Time `json:"expires_at" doc:"Until when its answer is kept at least."`
}

func (a *api) idempotencyRoutes() {
	type input struct {
		Key string `path:"key" doc:"The key, without quotes, percent-encoded."`
	}
	type output struct{ Body KeyView }
	register(a, huma.Operation{
		OperationID: "get-idempotency-key", Method: http.MethodGet, Path: "/idempotency/{key}", Tags: []string{"Operations"},
		Security:    allow(identity.Customer, identity.Service, identity.Treasury),
		Summary:     "Ask what became of a request",
		Description: "For a client that lost the answer and its memory of the request. What is listed with a status is done; what is listed without one was asked for, and the same request under the same key tells its outcome; what is not listed was never done, unless it is being handled right now.",
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		key, ok := unquote(in.Key)
		if !ok {
			return nil, errNotFound
		}
		found, err := idempotency.Under(ctx, a.host.Pool(), caller(ctx).ID, key)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, errNotFound
		}
		view := KeyView{Key: key, Requests: make([]KeyRequest, len(found))}
		for i, r := range found {
			method, route, _ := strings.Cut(r.Route, " ")
			view.Requests[i] = KeyRequest{
				Method: method, Route: route, Status: r.Status, Location: r.Location, JourneyID: r.Journey,
				AnsweredAt: r.AnsweredAt, ExpiresAt: r.ExpiresAt,
			}
		}
		return &output{view}, nil
	})
}
