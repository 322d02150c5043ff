package pgtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgserver"
)

func TestDurableServerKeepsWhatWasCommittedOverKills(t *testing.T) {
	t.Parallel()
	db := Durable(t)
	pool := db.Pool("")
	relay := db.ConnString("quittance_relay")
	require.NoError(t, pgserver.CheckDurable(t.Context(), pool))
	for round := range 3 {
		_, err := pool.Exec(t.Context(), "insert into delivery.subscription (consumer, type) values ('c', $1::int::text)", round)
		require.NoError(t, err)
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "insert into delivery.subscription (consumer, type) values ('open', $1::int::text)", round)
		require.NoError(t, err)

		db.Kill()
		require.Error(t, tx.Commit(t.Context()))
		require.Error(t, pool.Ping(t.Context()), "there is no server; this also empties the pool of dead connections")
		db.Restart()
		require.NoError(t, pool.Ping(t.Context()), "the pool dials again")
		require.Equal(t, round+1, one[int](t, pool, "select count(*) from delivery.subscription where consumer = 'c'"))
		require.Zero(t, one[int](t, pool, "select count(*) from delivery.subscription where consumer = 'open'"))
	}
	require.Equal(t, relay, db.ConnString("quittance_relay"))
	db.Restart() // without a kill: a clean stop and start
	require.True(t, db.Server().Running())
	require.Equal(t, "quittance_relay", one[string](t, db.Pool("quittance_relay"), "select current_user"))
	require.Equal(t, 3, one[int](t, db.Pool(""), "select count(*) from delivery.subscription where consumer = 'c'"))
}
