package closuretest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
)

// Account puts a customer's account into the ledger, as its owner, and returns
// its id.
func Account(t testing.TB, owner *pgxpool.Pool, status string, balanceMinor int64) string {
	t.Helper()
	id := uuid.NewString()
	PutAccount(t, owner, id, status, balanceMinor)
	return id
}

// PutAccount is Account with an id of the test's own.
func PutAccount(t testing.TB, owner *pgxpool.Pool, id, status string, balanceMinor int64) {
	t.Helper()
	_, err := owner.Exec(context.Background(), `
		insert into ledger.account (id, kind, product, currency, balance_minor, floor_minor, status, closing_at, closed_at)
		values ($1, 'customer', 'simple-savings', 'EUR', $2, 0, $3,
		        case when $3 <> 'open' then now() end, case when $3 = 'closed' then now() end)`,
		id, balanceMinor, status)
	require.NoError(t, err)
}

// Row is a whole row of account_closure.
type Row struct {
	ClosureID     string        `db:"closure_id"`
	State         closure.State `db:"state"`
	Attempt       int           `db:"attempt"`
	Notes         string        `db:"notes"`
	EmailSentAt   *time.Time    `db:"email_sent_at"`
	LastError     *string       `db:"last_error"`
	StartedAt     time.Time     `db:"started_at"`
	MambuClosedAt *time.Time    `db:"mambu_closed_at"`
	EClosedAt     *time.Time    `db:"e_closed_at"`
	ClosedAt      *time.Time    `db:"closed_at"`
	UpdatedAt     time.Time     `db:"updated_at"`
}

// Read gives the closures of an account: one or none.
func Read(t testing.TB, owner *pgxpool.Pool, accountID string) []Row {
	t.Helper()
	rows, err := owner.Query(context.Background(), `
		select closure_id::text, state, attempt, notes, email_sent_at, last_error, started_at,
		       mambu_closed_at, e_closed_at, closed_at, updated_at
		from closure.account_closure where account_id = $1`, accountID)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Row])
	require.NoError(t, err)
	return found
}

// One is Read where there must be one.
func One(t testing.TB, owner *pgxpool.Pool, accountID string) Row {
	t.Helper()
	found := Read(t, owner, accountID)
	require.Len(t, found, 1)
	return found[0]
}

// History gives the states that an account's closure has been in, and checks
// that each began where the one before ended.
func History(t testing.TB, owner *pgxpool.Pool, accountID string) []closure.State {
	t.Helper()
	rows, err := owner.Query(context.Background(), `
		select coalesce(from_state, ''), to_state from closure.account_closure_events where account_id = $1 order by id`, accountID)
	require.NoError(t, err)
	var states []closure.State
	var from, to, last closure.State
	_, err = pgx.ForEachRow(rows, []any{&from, &to}, func() error {
		require.Equal(t, last, from, "a transition starts where the one before ended")
		states, last = append(states, to), to
		return nil
	})
	require.NoError(t, err)
	return states
}

// Said gives what was committed to the outbox, oldest first; of the given
// types only, if there are any.
func Said(t testing.TB, owner *pgxpool.Pool, types ...events.Type) []fn.Envelope {
	t.Helper()
	rows, err := owner.Query(context.Background(), `
		select `+fn.EnvelopeColumns+` from delivery.outbox
		where cardinality($1::text[]) = 0 or type = any($1) order by created_at, type, id`, append([]events.Type{}, types...))
	require.NoError(t, err)
	said, err := pgx.CollectRows(rows, fn.ScanEnvelope)
	require.NoError(t, err)
	return said
}

// Payload reads what an event says.
func Payload[D events.Data](t testing.TB, e fn.Envelope) (d D) {
	t.Helper()
	require.Equal(t, d.Type(), e.Type)
	require.NoError(t, json.Unmarshal(e.Data, &d))
	require.NoError(t, d.Validate())
	return d
}
