package mambu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"quittance.dev/functions/outside"
)

// State is a deposit account's state, in Mambu's words.
type State string

// The states that matter here; Mambu has more, all of them open.
const (
	StateActive     State = "ACTIVE"
	StateClosed     State = "CLOSED"
	StateWrittenOff State = "CLOSED_WRITTEN_OFF"
	StateRejected   State = "CLOSED_REJECTED"
	StateWithdrawn  State = "WITHDRAWN"
)

func (s State) final() bool {
	return s == StateClosed || s == StateWrittenOff || s == StateRejected || s == StateWithdrawn
}

// Account is a deposit account as Mambu has it.
type Account struct {
	ID       string
	State    State
	ClosedAt time.Time // zero: not closed, or Mambu did not say when
	Balance  string    // total balance, the decimal number as Mambu wrote it; empty if it gave none
	Currency string    // ISO 4217; empty if it gave none
}

// ErrNoAccount says that Mambu has no deposit account with the id. Right after
// a change it may be wrong for a moment: never conclude a failure from it.
var ErrNoAccount = errors.New("mambu has no such deposit account")

// Read gives the present state of a deposit account. The error is
// [ErrNoAccount] or an *outside.Unknown.
func (c *Client) Read(ctx context.Context, id string) (Account, error) {
	const op = "read"
	if !accountID.MatchString(id) {
		return Account{}, ErrNoAccount
	}
	answer, err := c.out.Do(ctx, outside.Call{
		Op:     op,
		Method: http.MethodGet,
		URL:    c.account(id),
		Header: http.Header{"Accept": {mediaType}},
	})
	if err != nil {
		return Account{}, err
	}
	if answer.Status == http.StatusOK {
		account, err := parseAccount(answer.Body)
		if err != nil {
			return Account{}, c.out.Unknown(op, err)
		}
		return account, nil
	}
	meaning, fault := Classify(answer.Status, ParseErrors(answer.Body))
	if answer.Status == http.StatusNotFound && meaning == Refused {
		return Account{}, ErrNoAccount
	}
	unknown := c.out.Unknown(op, fmt.Errorf("status %d: %s", answer.Status, fault))
	unknown.Misconfigured = meaning == Misconfigured
	unknown.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())
	return Account{}, unknown
}

// parseAccount reads the few fields we need of Mambu's DepositAccount.
func parseAccount(body []byte) (Account, error) {
	var wire struct {
		ID       string `json:"id"`
		State    State  `json:"accountState"`
		Closed   string `json:"closedDate"`
		Currency string `json:"currencyCode"`
		Balances struct {
			Total json.Number `json:"totalBalance"` // keeps the digits: money is never a float
		} `json:"balances"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Account{}, fmt.Errorf("deposit account: %w", err)
	}
	if wire.State == "" {
		return Account{}, errors.New("deposit account: no accountState")
	}
	account := Account{ID: wire.ID, State: wire.State, Balance: wire.Balances.Total.String(), Currency: wire.Currency}
	if wire.State.final() {
		account.ClosedAt = parseTime(wire.Closed)
	}
	return account, nil
}

// parseTime reads Mambu's ISO 8601 times, "2026-10-01T12:00:00+02:00". What it
// cannot read is no time: a date must not hide that the account is closed.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
