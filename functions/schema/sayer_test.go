package schema_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

// TestA28_NobodySaysAnythingInAnothersName: the outbox takes an event only from
// the role of its source, whatever the function's code does.
func TestA28_NobodySaysAnythingInAnothersName(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := connect(t, db, "")
	sayers := column[string](t, owner, `
		select rolname::text from pg_roles
		where rolname like 'quittance\_%' and has_column_privilege(oid, 'delivery.outbox', 'source', 'insert') order by 1`)
	require.Len(t, sayers, 12, "all but the relay")
	say := func(role, source string) error {
		_, err := connect(t, db, role).Exec(t.Context(), `
			insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
			values (gen_random_uuid()::text, $1, 't', '', '', '', '', '', 'b', '{}', now())`, source)
		return err
	}
	for i, role := range sayers {
		name := func(role string) string {
			return strings.ReplaceAll(strings.TrimPrefix(role, "quittance_"), "_", "-")
		}
		require.NoError(t, say(role, fn.Source(name(role))), role)
		for _, other := range []string{fn.Source(name(sayers[(i+1)%len(sayers)])), fn.Source(""), "/functions", "", name(role), role} {
			var refused *pgconn.PgError
			require.ErrorAs(t, say(role, other), &refused, "%s as %q", role, other)
			require.Equal(t, "42501", refused.Code)
		}
	}
	// What was said can be read, to be sent.
	require.Equal(t, 12, one[int](t, connect(t, db, "quittance_relay"), `select count(*) from delivery.outbox`))
}
