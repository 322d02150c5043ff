package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// Retention is how long an answer is kept at least.
const Retention = 30 * 24 * time.Hour

var (
	// ErrInFlight means that somebody else is handling the same request right now.
	ErrInFlight = errors.New("the same request is being handled")
	// ErrNotFound means that nothing was answered under the name.
	ErrNotFound = errors.New("no answer under the key")
)

// DiffersError means that the name stands for another request.
type DiffersError struct {
	// Members are those that differ, as of Fingerprint.Differs.
	Members []string
}

func (e *DiffersError) Error() string {
	return fmt.Sprintf("the key stands for another request: %v", e.Members)
}

// Name names a request.
type Name struct {
	Caller string // id of the principal
	Route  string // method and template of the path
	Key    string
}

// Answer is what a request was answered.
type Answer struct {
	Route      string
	Status     int    // 0 while it was asked and not answered yet
	Location   string // "" when there is none
	Journey    string // likewise
	Body       string
	AnsweredAt time.Time
	ExpiresAt  time.Time
}

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Claim takes the name for tx, so that no other transaction does what its request
// asks for, and returns nil; or returns the answer that the request got before.
// Errors match ErrInFlight or *DiffersError.
func Claim(ctx context.Context, tx fn.Tx, n Name, f Fingerprint) (*Answer, error) {
	var taken bool
	if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended($1, 0))`, n.lock()).Scan(&taken); err != nil {
		return nil, fmt.Errorf("take the key: %w", err)
	}
	if !taken {
		return nil, ErrInFlight
	}
	// A statement of its own: it must see what was committed before the lock.
	before, err := Find(ctx, tx, n, f)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return before, err
}

func (n Name) lock() string { return "idempotency\n" + n.Caller + "\n" + n.Route + "\n" + n.Key }

// Find returns the answer that the request got before. Errors match ErrNotFound or
// *DiffersError.
func Find(ctx context.Context, q Querier, n Name, f Fingerprint) (*Answer, error) {
	var sum []byte
	var members map[string]string
	var answered *time.Time
	a := Answer{Route: n.Route}
	err := q.QueryRow(ctx, `
		select fingerprint, members, `+answerColumns+`
		from idempotency.request where caller = $1 and route = $2 and key = $3`, n.Caller, n.Route, n.Key).
		Scan(&sum, &members, &a.Status, &a.Location, &a.Journey, &a.Body, &answered, &a.ExpiresAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("find the key's answer: %w", err)
	case string(sum) != string(f.Sum[:]):
		return nil, &DiffersError{f.Differs(members)}
	}
	a.AnsweredAt, a.ExpiresAt = instant(answered), a.ExpiresAt.UTC()
	return &a, nil
}

const answerColumns = `coalesce(status, 0), location, journey, coalesce(body, ''), answered_at, expires_at`

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// Keep stores the answer, as of tx's instant, for Retention.
func Keep(ctx context.Context, tx fn.Tx, n Name, f Fingerprint, a Answer) error {
	_, err := tx.Exec(ctx, `
		insert into idempotency.request (caller, route, key, fingerprint, members, status, location, journey, body, answered_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		n.Caller, n.Route, n.Key, f.Sum[:], f.Members, a.Status, a.Location, a.Journey, a.Body, tx.Now(), tx.Now().Add(Retention))
	if err != nil {
		return fmt.Errorf("keep the key's answer: %w", err)
	}
	return nil
}

// Under lists what the caller's requests under the key were answered, one per
// route, oldest first, and last those that were not answered yet.
func Under(ctx context.Context, q Querier, caller, key string) ([]Answer, error) {
	rows, err := q.Query(ctx, `
		select route, `+answerColumns+` from idempotency.request
		where caller = $1 and key = $2 order by answered_at, route`, caller, key)
	if err != nil {
		return nil, fmt.Errorf("list the key's answers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Answer, err error) {
		var answered *time.Time
		err = row.Scan(&a.Route, &a.Status, &a.Location, &a.Journey, &a.Body, &answered, &a.ExpiresAt)
		a.AnsweredAt, a.ExpiresAt = instant(answered), a.ExpiresAt.UTC()
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the key's answers: %w", err)
	}
	return list, nil
}

// Purge forgets at most limit answers whose time has passed, and returns how many.
func Purge(ctx context.Context, tx fn.Tx, limit int) (int64, error) {
	tag, err := tx.Exec(ctx, `
		delete from idempotency.request r using (
			select caller, key, route from idempotency.request where expires_at <= $1 order by expires_at limit $2
		) gone
		where r.caller = gone.caller and r.key = gone.key and r.route = gone.route`, tx.Now(), limit)
	if err != nil {
		return 0, fmt.Errorf("forget expired answers: %w", err)
	}
	return tag.RowsAffected(), nil
}
