package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/closure"
	"quittance.dev/functions/identity"
)

// Closure is the end of an account and how far it is.
type Closure struct {
	AccountID     string        `json:"account_id" doc:"The account."`
	ClosureID     string        `json:"closure_id" doc:"The id of its closure."`
	State         closure.State `json:"state" doc:"PARKED: a system has refused for good, a person must look." enum:"OPEN,CLOSING_MAMBU,MAMBU_CLOSED,CLOSING_E,E_CLOSED,CLOSED,PARKED"`
	Reason        string        `json:"reason,omitempty" doc:"Why it is parked."`
	StartedAt     time.Time     `json:"started_at" doc:"When it began."`
	MambuClosedAt time.Time     `json:"mambu_closed_at,omitzero" doc:"When Mambu confirmed."`
	EClosedAt     time.Time     `json:"e_closed_at,omitzero" doc:"When E confirmed."`
	ClosedAt      time.Time     `json:"closed_at,omitzero" doc:"When it was closed everywhere."`
	EmailSentAt   time.Time     `json:"email_sent_at,omitzero" doc:"When the customer was told."`
	History       []Transition  `json:"history" nullable:"false" doc:"Every step, oldest first."`
}

// Transition is one step of a closure.
type Transition struct {
	From closure.State `json:"from,omitempty" doc:"Absent for the first."`
	To   closure.State `json:"to" doc:"The state from then on."`
	At   time.Time     `json:"at" doc:"When."`
}

func (a *api) closureRoutes() {
	type output struct{ Body Closure }
	register(a, huma.Operation{
		OperationID: "get-closure", Method: http.MethodGet, Path: "/closures/{account_id}", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary:     "See how far the closing of an account is",
		Description: "There is something to see once the closing has begun, a moment after it was asked for.",
	}, []kind{notFound}, func(ctx context.Context, in *AccountPath) (*output, error) {
		if !isID(in.AccountID) {
			return nil, errNotFound
		}
		if err := a.reads(ctx, ownersOfAccount, in.AccountID); err != nil {
			return nil, err
		}
		found, err := a.closure(ctx, in.AccountID)
		return &output{found}, err
	})
}
