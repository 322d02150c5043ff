package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
)

// Movement is what somebody asks to pay in or out.
type Movement struct {
	AccountID ID       `json:"account_id" doc:"The account."`
	Amount    Positive `json:"amount" doc:"In the account's currency, in its major unit, read exactly: no exponent, no more fraction digits than the currency has."`
}

// Accepted is the answer to a Movement: asked for, not done.
type Accepted struct {
	OperationID string        `json:"operation_id" doc:"Names the operation; ask for its status by it."`
	Status      banking.State `json:"status" doc:"PENDING: the ledger decides in a moment." enum:"PENDING,COMPLETED,FAILED"`
}

// Operation is a deposit or a withdrawal and what became of it.
type Operation struct {
	OperationID  string        `json:"operation_id" doc:"The id."`
	Kind         banking.Kind  `json:"kind" doc:"Which way the money goes." enum:"deposit,withdrawal"`
	AccountID    string        `json:"account_id" doc:"The account."`
	Amount       Amount        `json:"amount" doc:"In the currency's major unit."`
	Currency     string        `json:"currency" doc:"The account's currency."`
	Status       banking.State `json:"status" doc:"It moves from PENDING to one of the others, once." enum:"PENDING,COMPLETED,FAILED"`
	Reason       events.Reason `json:"reason,omitempty" doc:"Why it failed."`
	BalanceAfter *Amount       `json:"balance_after,omitempty" doc:"What it left in the account, when it is completed."`
	RequestedAt  time.Time     `json:"requested_at" doc:"When it was asked for."`
	FinishedAt   time.Time     `json:"finished_at,omitzero" doc:"When it was decided."`
}

func operationOf(op banking.Operation) Operation {
	told := Operation{
		OperationID: op.ID, Kind: op.Kind, AccountID: op.AccountID, Amount: amountOf(op.AmountMinor, op.Currency),
		Currency: string(op.Currency), Status: op.State, Reason: op.Reason, RequestedAt: op.RequestedAt, FinishedAt: op.FinishedAt,
	}
	if op.State == banking.Completed {
		balance := amountOf(op.BalanceMinor, op.Currency)
		told.BalanceAfter = &balance
	}
	return told
}

func (a *api) operationRoutes() {
	a.movement(banking.Deposit, huma.Operation{
		OperationID: "deposit", Method: http.MethodPost, Path: "/deposit", Tags: []string{"Operations"}, Security: allow(identity.Customer, identity.Service),
		Summary:     "Pay money in",
		Description: "Answers when the request is recorded for good; the ledger decides after that. simple-savings takes one deposit only.",
	})
	a.movement(banking.Withdrawal, huma.Operation{
		OperationID: "withdraw", Method: http.MethodPost, Path: "/withdraw", Tags: []string{"Operations"}, Security: allow(identity.Customer, identity.Service),
		Summary:     "Take money out",
		Description: "Answers when the request is recorded for good; the ledger decides after that. A withdrawal that empties a simple-savings account closes it.",
	})
	a.operationStatus()
}

func (a *api) movement(way banking.Kind, op huma.Operation) {
	type input struct {
		Keyed
		Body Movement
	}
	registerCommand(a, op, []kind{notFound}, func(ctx context.Context, in *input, c *command) (work[Accepted], error) {
		account, _, err := a.ownAccount(ctx, string(in.Body.AccountID))
		if err != nil {
			if errors.Is(err, errNotFound) || errors.Is(err, accounts.ErrNotFound) {
				a.log(ctx).ErrorContext(ctx, "no such account", "operation", way)
			}
			return nil, err
		}
		minor, err := in.Body.Amount.in(account.Currency)
		if err != nil {
			a.log(ctx).WarnContext(ctx, "invalid amount", "operation", way, "account_id", account.ID)
			return nil, err
		}
		wanted := banking.Operation{ID: c.id, Kind: way, AccountID: account.ID, AmountMinor: minor, Currency: account.Currency}
		return func(ctx context.Context, tx fn.Tx) (made[Accepted], []events.Data, error) {
			state, said, err := request(ctx, tx, wanted)
			return made[Accepted]{body: Accepted{wanted.ID, state}}, said, err
		}, nil
	})
}

// request records the operation and asks the ledger for it. The same operation
// again, under a key that has been forgotten, says nothing.
func request(ctx context.Context, tx fn.Tx, wanted banking.Operation) (banking.State, []events.Data, error) {
	recorded, err := banking.Request(ctx, tx, wanted)
	if err != nil {
		return "", nil, err
	}
	if recorded {
		return banking.Pending, []events.Data{requested(wanted)}, nil
	}
	found, err := banking.Find(ctx, tx, wanted.ID)
	return found.State, nil, err
}

// requested is the event that asks the ledger for op.
func requested(op banking.Operation) events.Data {
	if op.Kind == banking.Deposit {
		return events.DepositRequested{OperationID: op.ID, AccountID: op.AccountID, AmountMinor: op.AmountMinor, Currency: op.Currency}
	}
	return events.WithdrawalRequested{OperationID: op.ID, AccountID: op.AccountID, AmountMinor: op.AmountMinor, Currency: op.Currency}
}

func (a *api) operationStatus() {
	type input struct {
		OperationID string `path:"operation_id" doc:"The operation."`
	}
	type output struct{ Body Operation }
	register(a, huma.Operation{
		OperationID: "get-operation-status", Method: http.MethodGet, Path: "/operation-status/{operation_id}", Tags: []string{"Operations"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Ask what became of a deposit or withdrawal",
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		if !isID(in.OperationID) {
			return nil, errNotFound
		}
		if err := a.reads(ctx, ownersOfOperation, in.OperationID); err != nil {
			return nil, err
		}
		op, err := banking.Find(ctx, a.host.Pool(), in.OperationID)
		if err != nil {
			return nil, err
		}
		return &output{operationOf(op)}, nil
	})
}
