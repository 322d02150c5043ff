package banking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Kind says which way the money goes.
type Kind string

// The kinds of operation.
const (
	Deposit    Kind = "deposit"
	Withdrawal Kind = "withdrawal"
)

// State of an operation. It only ever moves from Pending to one of the others.
type State string

// The states, in the spelling that clients of the API know.
const (
	Pending   State = "PENDING"
	Completed State = "COMPLETED"
	Failed    State = "FAILED"
)

// Operation is one deposit or withdrawal.
type Operation struct {
	ID          string
	Kind        Kind
	AccountID   string
	AmountMinor int64 // positive
	Currency    money.Currency

	// The rest is set by the bank; Request does not read it.
	State        State
	Reason       events.Reason // why it failed; empty otherwise
	BalanceMinor int64         // of the account after it; of a Completed one only
	RequestedAt  time.Time
	FinishedAt   time.Time // zero while Pending
}

// Errors of this package.
var (
	// ErrNotFound: nobody asked for such an operation.
	ErrNotFound = errors.New("operation not found")
	// ErrDiffers: the id stands for another request, or for this one with another
	// outcome.
	ErrDiffers = errors.New("the id stands for another request")
)

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Request records that op was asked for. The same id again changes nothing,
// whatever became of the operation meanwhile, and recorded is false: whoever
// asks has nothing to say then. The same id for another kind, account or amount
// is ErrDiffers.
func Request(ctx context.Context, tx fn.Tx, op Operation) (recorded bool, err error) {
	tag, err := tx.Exec(ctx, `
		insert into banking.operation (id, kind, account_id, amount_minor, currency, requested_at)
		values ($1, $2, $3, $4, $5, $6)
		on conflict on constraint operation_id do nothing`,
		op.ID, op.Kind, op.AccountID, op.AmountMinor, op.Currency, tx.Now())
	if err != nil {
		return false, fmt.Errorf("record operation: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return true, nil
	}
	there, err := Find(ctx, tx, op.ID)
	if err != nil {
		return false, err
	}
	if !there.sameRequest(op) {
		return false, fmt.Errorf("%w: %s", ErrDiffers, op.ID)
	}
	return false, nil
}

// Find reads one operation; ErrNotFound if there is none with this id.
func Find(ctx context.Context, q Querier, id string) (Operation, error) {
	found, err := find(ctx, q, []string{id})
	if err != nil {
		return Operation{}, err
	}
	op, ok := found[id]
	if !ok {
		return Operation{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return op, nil
}

// find reads the operations that there are of ids.
func find(ctx context.Context, q Querier, ids []string) (map[string]Operation, error) {
	rows, err := q.Query(ctx, `
		select id, kind, account_id, amount_minor, currency, state, coalesce(reason, ''),
		       coalesce(balance_minor, 0), requested_at, finished_at
		from banking.operation where id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("find operations: %w", err)
	}
	found := make(map[string]Operation, len(ids))
	var op Operation
	var finished *time.Time
	_, err = pgx.ForEachRow(rows, []any{
		&op.ID, &op.Kind, &op.AccountID, &op.AmountMinor, &op.Currency, &op.State, &op.Reason,
		&op.BalanceMinor, &op.RequestedAt, &finished,
	}, func() error {
		op.RequestedAt, op.FinishedAt = op.RequestedAt.UTC(), time.Time{}
		if finished != nil {
			op.FinishedAt = finished.UTC()
		}
		found[op.ID] = op
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find operations: %w", err)
	}
	return found, nil
}

// sameRequest compares what was asked for.
func (op Operation) sameRequest(other Operation) bool {
	return op.Kind == other.Kind && op.AccountID == other.AccountID &&
		op.AmountMinor == other.AmountMinor && op.Currency == other.Currency
}

// sameOutcome compares what became of it.
func (op Operation) sameOutcome(other Operation) bool {
	return op.State == other.State && op.Reason == other.Reason && op.BalanceMinor == other.BalanceMinor
}
