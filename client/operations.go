package client

import (
	"context"
	"fmt"
	"time"
)

// Movement is what somebody asks to pay in or out.
type Movement struct {
	AccountID string `json:"account_id"`
	Amount    Amount `json:"amount"` // in the account's currency, more than nothing
}

// OperationStatus moves from PENDING to one of the others, once.
type OperationStatus string

// The statuses of an operation.
const (
	Pending   OperationStatus = "PENDING"
	Completed OperationStatus = "COMPLETED"
	Failed    OperationStatus = "FAILED"
)

// Accepted is the answer to a Movement: asked for, not done.
type Accepted struct {
	OperationID string          `json:"operation_id"`
	Status      OperationStatus `json:"status"`
}

// OperationKind says which way the money goes.
type OperationKind string

// The kinds of operation.
const (
	DepositKind    OperationKind = "deposit"
	WithdrawalKind OperationKind = "withdrawal"
)

// Reasons of failure that programs tell apart.
const (
	InsufficientFunds = "Insufficient funds" // more than the account could bear
	NoSuchAccount     = "Account not found"
)

// Operation is a deposit or a withdrawal and what became of it.
type Operation struct {
	OperationID  string          `json:"operation_id"`
	Kind         OperationKind   `json:"kind"`
	AccountID    string          `json:"account_id"`
	Amount       Amount          `json:"amount"`
	Currency     string          `json:"currency"`
	Status       OperationStatus `json:"status"`
	Reason       string          `json:"reason,omitempty"`        // why it failed
	BalanceAfter *Amount         `json:"balance_after,omitempty"` // when it is completed
	RequestedAt  time.Time       `json:"requested_at"`
	FinishedAt   time.Time       `json:"finished_at,omitzero"`
}

// Deposit asks for money to be paid in. The ledger decides after the answer.
func (c *Client) Deposit(ctx context.Context, key Key, m Movement) (Answer[Accepted], error) {
	return change[Accepted](ctx, c, key, "/deposit", m)
}

// Withdraw asks for money to be taken out. The ledger decides after the answer.
func (c *Client) Withdraw(ctx context.Context, key Key, m Movement) (Answer[Accepted], error) {
	return change[Accepted](ctx, c, key, "/withdraw", m)
}

// GetOperationStatus reads what became of a deposit or a withdrawal.
func (c *Client) GetOperationStatus(ctx context.Context, operationID string) (Operation, error) {
	return read[Operation](ctx, c, in("/operation-status/%s", operationID), nil)
}

// AwaitOperation asks until the operation is decided or ctx ends. What it returns
// with an error is the operation as it was last seen.
func (c *Client) AwaitOperation(ctx context.Context, operationID string) (Operation, error) {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		op, err := c.GetOperationStatus(ctx, operationID)
		if err != nil || op.Status != Pending {
			return op, err
		}
		if !pause(ctx, wait) {
			return op, fmt.Errorf("client: operation %s is still %s: %w", operationID, op.Status, ctx.Err())
		}
	}
}

// KeyView is what became of the caller's requests under a key.
type KeyView struct {
	Key      Key          `json:"key"`
	Requests []KeyRequest `json:"requests"` // one per route, oldest first
}

// KeyRequest is one request and what it was answered.
type KeyRequest struct {
	Method     string    `json:"method"`
	Route      string    `json:"route"`            // with the names of parameters in place of their values
	Status     int       `json:"status,omitempty"` // 0 while it is asked and not answered: send it again, with the key
	Location   string    `json:"location,omitempty"`
	JourneyID  string    `json:"journey_id,omitempty"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at"` // until when its answer is kept at least
}

// GetIdempotencyKey reads what became of the caller's requests under a key. What is
// not listed was never done, unless it is being handled right now.
func (c *Client) GetIdempotencyKey(ctx context.Context, key Key) (KeyView, error) {
	return read[KeyView](ctx, c, in("/idempotency/%s", string(key)), nil)
}
