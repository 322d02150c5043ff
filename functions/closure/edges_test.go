package closure_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/pgtest"
)

// states is everything a state column could be told to hold.
var states = []closure.State{
	closure.Open, closure.ClosingMambu, closure.MambuClosed, closure.ClosingE, closure.EClosed, closure.Closed,
	closure.Parked, "LOST",
}

// model is a closure as the requirement has it, written down apart from the
// code: where it stands, and whether Mambu has confirmed.
type model struct {
	state     closure.State
	confirmed bool
}

// next tells whether the requirement (A15, and a parked state beside it) lets
// the closure go to a state.
func (m model) next(to closure.State) bool {
	switch m.state {
	case "OPEN":
		return to == "CLOSING_MAMBU"
	case "CLOSING_MAMBU":
		return to == "MAMBU_CLOSED" || to == "PARKED"
	case "MAMBU_CLOSED":
		return to == "CLOSING_E"
	case "CLOSING_E":
		return to == "E_CLOSED" || to == "PARKED"
	case "E_CLOSED":
		return to == "CLOSED"
	case "PARKED": // back to the one that refused
		return (to == "CLOSING_MAMBU" && !m.confirmed) || (to == "CLOSING_E" && m.confirmed)
	default: // CLOSED is the end
		return false
	}
}

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

func insert(db execer, accountID string, s closure.State) error {
	_, err := db.Exec(context.Background(), `
		insert into closure.account_closure (account_id, closure_id, state, notes) values ($1, $2, $3, 'a test')`,
		accountID, closure.ID(accountID), s)
	return err
}

// steer tells the database to move a closure, with everything else as that
// state wants it, so that only the move itself can be wrong.
func steer(db execer, accountID string, to closure.State) error {
	_, err := db.Exec(context.Background(), `
		update closure.account_closure set state = $2,
		       attempt = attempt + (state = 'PARKED' and $2 <> 'PARKED')::integer,
		       mambu_closed_at = case when $2 = 'MAMBU_CLOSED' then coalesce(mambu_closed_at, now()) else mambu_closed_at end,
		       e_closed_at = case when $2 = 'E_CLOSED' then coalesce(e_closed_at, now()) else e_closed_at end,
		       closed_at = case when $2 = 'CLOSED' then coalesce(closed_at, now()) else closed_at end,
		       last_error = case when $2 = 'PARKED' then 'refused' else last_error end
		where account_id = $1`, accountID, string(to))
	return err
}

func brokenRule(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.ConstraintName
	}
	return ""
}

func TestA15_TheDatabaseTakesTheEdgesOfTheStateMachineAndNoOther(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	paths := [][]closure.State{
		{"OPEN"},
		{"OPEN", "CLOSING_MAMBU"},
		{"OPEN", "CLOSING_MAMBU", "PARKED"},
		{"OPEN", "CLOSING_MAMBU", "PARKED", "CLOSING_MAMBU"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E", "PARKED"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E", "PARKED", "CLOSING_E"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E", "E_CLOSED"},
		{"OPEN", "CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E", "E_CLOSED", "CLOSED"},
	}
	for _, path := range paths {
		accountID := uuid.NewString()
		require.NoError(t, insert(owner, accountID, path[0]))
		for _, s := range path[1:] {
			require.NoError(t, steer(owner, accountID, s), "%v", path)
		}
		m := model{state: path[len(path)-1], confirmed: slices.Contains(path, closure.MambuClosed)}
		for _, to := range states {
			err := inSavepoint(t, owner, func(tx pgx.Tx) error { return steer(tx, accountID, to) })
			switch {
			case m.next(to), to == m.state:
				require.NoError(t, err, "%v to %s", path, to)
			case m.state == closure.Parked && to == closure.ClosingE:
				require.Equal(t, "mambu_closed_has_time", brokenRule(err), "A06: %v to %s", path, to)
			case m.state == closure.Parked && to == closure.ClosingMambu:
				require.Equal(t, "closing_mambu_is_unconfirmed", brokenRule(err), "%v to %s", path, to)
			default:
				require.Equal(t, "closure_moves_along", brokenRule(err), "%v to %s", path, to)
			}
		}
	}
	for _, s := range states[1:] {
		require.Equal(t, "closure_moves_along", brokenRule(insert(owner, uuid.NewString(), s)), "a closure cannot begin at %s", s)
	}
}

// errUndo ends a transaction that was only to see.
var errUndo = errors.New("undo")

func inSavepoint(t *testing.T, db interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, try func(pgx.Tx) error) (result error) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), db, func(tx pgx.Tx) error {
		result = try(tx)
		return errUndo
	})
	require.ErrorIs(t, err, errUndo)
	return result
}

func TestA14_A15_WhateverIsTriedTheHistoryHasOneRowPerTransitionInOrder(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	rapid.Check(t, func(rt *rapid.T) {
		accountID := uuid.NewString()
		require.NoError(rt, insert(owner, accountID, closure.Open))
		m, walked := model{state: closure.Open}, []closure.State{closure.Open}
		for range rapid.IntRange(1, 25).Draw(rt, "moves") {
			// Half of the moves are allowed ones, else few walks get far.
			to := rapid.SampledFrom(states).Draw(rt, "to")
			if rapid.Bool().Draw(rt, "allowed") {
				if i := slices.IndexFunc(states, m.next); i >= 0 {
					to = states[i]
				}
			}
			err := steer(owner, accountID, to)
			if to == m.state {
				require.NoError(rt, err)
				continue
			}
			require.Equal(rt, m.next(to), err == nil, "%s to %s: %v", m.state, to, err)
			if err == nil {
				m = model{state: to, confirmed: m.confirmed || to == closure.MambuClosed}
				walked = append(walked, to)
			}
		}
		require.Equal(rt, walked, closuretest.History(t, owner, accountID))
		require.Equal(rt, m.state, closuretest.One(t, owner, accountID).State)
	})
}
