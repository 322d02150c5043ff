package closure

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// Closure is one row of account_closure, as far as deciding needs it.
type Closure struct {
	ID        string
	AccountID string
	State     State
	Attempt   int    // 1, and one more each time a person has it go on after a refusal
	Notes     string // what Mambu is told; never changes
}

// ErrNotFound means that there is no such closure of that account.
var ErrNotFound = errors.New("no such closure")

// ID is the id of an account's one closure. It is derived from the account, so
// that whatever starts it, and however often, means the same closure. It is a
// UUID, as Mambu asks of an idempotency key.
func ID(accountID string) string { return fn.DeriveID("closure", accountID) }

// Start opens the closure of an account and moves it to CLOSING_MAMBU. It
// reports false when the account had one before: then nothing changes,
// whatever state that one is in. why becomes part of the notes in Mambu.
func Start(ctx context.Context, tx fn.Tx, accountID, why string) (bool, error) {
	id := ID(accountID)
	var opened, started int64
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) error {
			tag, err := tx.Exec(ctx, `
				insert into closure.account_closure (account_id, closure_id, notes, started_at, updated_at)
				values ($1, $2, $3, $4, $4) on conflict on constraint one_closure_per_account do nothing`,
				accountID, id, why+" Closure "+id+".", tx.Now())
			opened = tag.RowsAffected()
			return err
		},
		func(tx fn.Tx) error { // none that was there before is OPEN still
			tag, err := tx.Exec(ctx, `
				update closure.account_closure set state = 'CLOSING_MAMBU'
				where closure_id = $1 and state = 'OPEN'`, id)
			started = tag.RowsAffected()
			return err
		})
	if err == nil && opened != started {
		err = fn.Permanent(fmt.Errorf("closure %s is in another state", id))
	}
	if err != nil {
		return false, fmt.Errorf("start closure: %w", err)
	}
	return opened == 1, nil
}

// Lock reads a closure and holds it until the transaction ends. The account
// must be the closure's own, else it is ErrNotFound.
func Lock(ctx context.Context, tx fn.Tx, id, accountID string) (Closure, error) {
	c := Closure{ID: id, AccountID: accountID}
	err := tx.QueryRow(ctx, `
		select state, attempt, notes from closure.account_closure
		where closure_id = $1 and account_id = $2 for update`, id, accountID).
		Scan(&c.State, &c.Attempt, &c.Notes)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("lock closure: %w", err)
	}
	return c, nil
}

// ConfirmMambu records that Mambu has closed the account: CLOSING_MAMBU to
// MAMBU_CLOSED.
func ConfirmMambu(ctx context.Context, tx fn.Tx, c Closure) error {
	return move(ctx, tx, "record that Mambu closed", `
		update closure.account_closure set state = 'MAMBU_CLOSED', mambu_closed_at = $2, last_error = null
		where closure_id = $1 and state = 'CLOSING_MAMBU'`, c.ID, tx.Now())
}

// TurnToE moves a closure that Mambu has confirmed on: MAMBU_CLOSED to
// CLOSING_E.
func TurnToE(ctx context.Context, tx fn.Tx, c Closure) error {
	return move(ctx, tx, "turn to E", `
		update closure.account_closure set state = 'CLOSING_E'
		where closure_id = $1 and state = 'MAMBU_CLOSED'`, c.ID)
}

// ConfirmE records that E has closed the account, and so that it is closed:
// CLOSING_E to E_CLOSED to CLOSED.
func ConfirmE(ctx context.Context, tx fn.Tx, c Closure) error {
	return fn.AtOnce(ctx, tx,
		func(tx fn.Tx) error {
			return move(ctx, tx, "record that E closed", `
				update closure.account_closure set state = 'E_CLOSED', e_closed_at = $2, last_error = null
				where closure_id = $1 and state = 'CLOSING_E'`, c.ID, tx.Now())
		},
		func(tx fn.Tx) error {
			return move(ctx, tx, "record that all is closed", `
				update closure.account_closure set state = 'CLOSED', closed_at = $2
				where closure_id = $1 and state = 'E_CLOSED'`, c.ID, tx.Now())
		})
}

// Park stops a closure that an outside system has refused, until a person has
// looked: CLOSING_MAMBU or CLOSING_E to PARKED. why must not be empty.
func Park(ctx context.Context, tx fn.Tx, c Closure, why string) error {
	return move(ctx, tx, "park closure", `
		update closure.account_closure set state = 'PARKED', last_error = $2
		where closure_id = $1 and state in ('CLOSING_MAMBU', 'CLOSING_E')`, c.ID, why)
}

// NoteFailure leaves on the row why the last attempt came to nothing, for
// whoever looks at a closure that stands still.
func NoteFailure(ctx context.Context, tx fn.Tx, c Closure, why string) error {
	if _, err := tx.Exec(ctx, `
		update closure.account_closure set last_error = $2
		where closure_id = $1 and last_error is distinct from $2`, c.ID, why); err != nil {
		return fmt.Errorf("note failed attempt: %w", err)
	}
	return nil
}

// MarkEmailed records that the mail about a closed account has gone out. The
// first time counts; again it changes nothing.
func MarkEmailed(ctx context.Context, tx fn.Tx, c Closure) error {
	if _, err := tx.Exec(ctx, `
		update closure.account_closure set email_sent_at = $2
		where closure_id = $1 and email_sent_at is null`, c.ID, tx.Now()); err != nil {
		return fmt.Errorf("record the mail: %w", err)
	}
	return nil
}

// move runs an update that must meet the closure in the state it names. The
// caller has locked the row and looked, so a miss is a mistake in the code, or what
// went in step with it has moved the closure.
func move(ctx context.Context, tx fn.Tx, what, sql string, args ...any) error {
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if tag.RowsAffected() != 1 {
		return fn.Permanent(fmt.Errorf("%s: closure %v is in another state", what, args[0]))
	}
	return nil
}
