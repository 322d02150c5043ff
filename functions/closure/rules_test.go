package closure_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/pgtest"
)

func TestA12_A13_A14_TheTablesAreInPostgresWithTheColumnsAskedFor(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	columns := func(table string) []string {
		rows, err := owner.Query(context.Background(), `
			select column_name from information_schema.columns where table_schema = 'closure' and table_name = $1`, table)
		require.NoError(t, err)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	require.Subset(t, columns("account_closure"),
		[]string{"account_id", "closure_id", "state", "email_sent_at", "last_error", "updated_at"})
	require.Subset(t, columns("account_closure_events"),
		[]string{"id", "account_id", "from_state", "to_state", "occurred_at"})
	rows, err := owner.Query(context.Background(), `
		select k.column_name from information_schema.table_constraints c
		join information_schema.key_column_usage k using (constraint_schema, constraint_name)
		where c.table_schema = 'closure' and c.table_name = 'account_closure' and c.constraint_type = 'PRIMARY KEY'`)
	require.NoError(t, err)
	key, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"account_id"}, key)
}

func TestA14_HistoryIsAppendOnlyEvenForItsOwner(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	accountID := uuid.NewString()
	require.NoError(t, insert(owner, accountID, closure.Open))
	for _, sql := range []string{
		`update closure.account_closure_events set to_state = 'CLOSED'`,
		`delete from closure.account_closure_events`,
		`truncate closure.account_closure_events cascade`,
	} {
		_, err := owner.Exec(context.Background(), sql)
		require.Equal(t, "append_only", brokenRule(err), sql)
	}
	require.Equal(t, []closure.State{closure.Open}, closuretest.History(t, owner, accountID))
}

// Each row changes one thing that must not change, in a closure that has got
// as far as path.
func TestARowCannotBeMadeToTellAnotherStory(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	all := []closure.State{"CLOSING_MAMBU", "MAMBU_CLOSED", "CLOSING_E", "E_CLOSED", "CLOSED"}
	for _, c := range []struct {
		name string
		path []closure.State
		set  string
		rule string
	}{
		{"notes are part of a request that may be under way", all[:1], `notes = 'other'`, "closure_request_is_frozen"},
		{"the closure id is the key of the call", all[:1], `closure_id = gen_random_uuid()`, "closure_request_is_frozen"},
		{"a closure keeps its account", all[:1], `account_id = gen_random_uuid()`, "closure_request_is_frozen"},
		{"a new attempt needs a refusal", all[:1], `attempt = 2`, "attempt_per_resumption"},
		{"a refused attempt is not repeated", append(all[:1:1], "PARKED"), `state = 'CLOSING_MAMBU'`, "attempt_per_resumption"},
		{"E without Mambu", nil, `state = 'CLOSING_MAMBU', e_closed_at = now()`, "confirmed_once"},
		{"Mambu confirmed by hand", all[:1], `mambu_closed_at = now()`, "confirmed_once"},
		{"Mambu confirmed without a time", all[:1], `state = 'MAMBU_CLOSED'`, "mambu_closed_has_time"},
		{"Mambu's confirmation taken back", all[:3], `mambu_closed_at = null`, "confirmed_once"},
		{"E confirmed without a time", all[:3], `state = 'E_CLOSED'`, "e_closed_has_time"},
		{"closed without a time", all[:4], `state = 'CLOSED'`, "closed_has_time"},
		{"parked without a reason", all[:1], `state = 'PARKED', last_error = null`, "parked_has_reason"},
		{"A07: a mail before E has confirmed", all[:3], `email_sent_at = now()`, "mail_only_after_closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			accountID := uuid.NewString()
			require.NoError(t, insert(owner, accountID, closure.Open))
			for _, s := range c.path {
				require.NoError(t, steer(owner, accountID, s))
			}
			_, err := owner.Exec(context.Background(), `update closure.account_closure set `+c.set+` where account_id = $1`, accountID)
			require.Equal(t, c.rule, brokenRule(err), "%v", err)
		})
	}
	t.Run("A21: a mail is sent once", func(t *testing.T) {
		t.Parallel()
		accountID := uuid.NewString()
		require.NoError(t, insert(owner, accountID, closure.Open))
		for _, s := range all {
			require.NoError(t, steer(owner, accountID, s))
		}
		set := func() error {
			_, err := owner.Exec(context.Background(), `
				update closure.account_closure set email_sent_at = now() where account_id = $1`, accountID)
			return err
		}
		require.NoError(t, set())
		require.Equal(t, "confirmed_once", brokenRule(set()))
	})
	t.Run("one closure per account", func(t *testing.T) {
		t.Parallel()
		accountID := uuid.NewString()
		require.NoError(t, insert(owner, accountID, closure.Open))
		require.Equal(t, "one_closure_per_account", brokenRule(insert(owner, accountID, closure.Open)))
	})
}

// A failed attempt leaves its reason, and the closure is as old as it was:
// alerts on standing still go by updated_at (A26).
func TestAFailedAttemptDoesNotMakeAClosureLookFresh(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	accountID := uuid.NewString()
	require.NoError(t, insert(owner, accountID, closure.Open))
	require.NoError(t, steer(owner, accountID, closure.ClosingMambu))
	before := closuretest.One(t, owner, accountID)
	_, err := owner.Exec(context.Background(), `
		update closure.account_closure set last_error = 'no answer', updated_at = now() + interval '1 hour' where account_id = $1`, accountID)
	require.NoError(t, err)
	after := closuretest.One(t, owner, accountID)
	require.Equal(t, "no answer", *after.LastError)
	require.Equal(t, before.UpdatedAt, after.UpdatedAt)
	require.NoError(t, steer(owner, accountID, closure.MambuClosed))
	require.True(t, closuretest.One(t, owner, accountID).UpdatedAt.After(before.UpdatedAt))
}

// A28: a role that has no business with a confirmation cannot write it.
func TestA28_TheRolesCanOnlyWriteTheirOwnHalf(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := db.Pool("")
	accountID := uuid.NewString()
	require.NoError(t, insert(owner, accountID, closure.Open))
	for role, forbidden := range map[string][]string{
		"quittance_closure_mambu": {"e_closed_at = now()", "closed_at = now()", "email_sent_at = now()", "attempt = 2", "notes = ''", "updated_at = now()"},
		"quittance_closure_e":     {"mambu_closed_at = now()", "attempt = 2", "notes = ''", "closure_id = gen_random_uuid()"},
		"quittance_api":           {"state = 'CLOSED'"},
	} {
		pool := db.Pool(role)
		for _, set := range forbidden {
			_, err := pool.Exec(context.Background(), `update closure.account_closure set `+set)
			require.ErrorContains(t, err, "permission denied", "%s: %s", role, set)
		}
		for _, sql := range []string{
			`delete from closure.account_closure`,
			`insert into closure.account_closure_events (account_id, to_state) values (gen_random_uuid(), 'CLOSED')`,
			`update ledger.account set balance_minor = 1`,
		} {
			_, err := pool.Exec(context.Background(), sql)
			require.ErrorContains(t, err, "permission denied", "%s: %s", role, sql)
		}
	}
}
