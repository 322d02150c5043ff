package fntest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// unstable columns differ between runs that mean the same: how often and by
// whom something was tried, and what was drawn from a counter that rolled back.
var unstable = map[string]bool{
	"delivery.idempotency.attempts": true, "delivery.idempotency.fence": true,
	"delivery.outbox.traceparent": true, "delivery.queue.attempts": true,
	"delivery.dead_letter.times": true, "delivery.dead_letter.attempts": true,
	"closure.account_closure.last_error": true,
}

// ignored tables record attempts, not effects.
var ignored = map[string]bool{
	"delivery.failure": true, "delivery.redelivery": true, "delivery.audit_mark": true, "delivery.sent": true,
	"delivery.subscription": true, "public.schema_version": true,
}

// Snapshot is every row of every table of the bank as text, sorted, without
// times, without generated row numbers and without rendered documents: two runs
// that had the same effects have equal snapshots.
func Snapshot(t testing.TB, owner *pgxpool.Pool) string {
	t.Helper()
	ctx := context.Background()
	var lines []string
	for _, table := range tables(t, owner) {
		rows, err := owner.Query(ctx, fmt.Sprintf(`select concat_ws('|', %s) from %s`, strings.Join(table.columns, ", "), table.name))
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, text := range texts {
			lines = append(lines, table.name+": "+text)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

type table struct {
	name    string
	columns []string
}

func tables(t testing.TB, owner *pgxpool.Pool) []table {
	t.Helper()
	rows, err := owner.Query(context.Background(), `
		select c.table_schema || '.' || c.table_name, c.column_name
		from information_schema.columns c
		join information_schema.tables t using (table_schema, table_name)
		where c.table_schema not in ('pg_catalog', 'information_schema') and t.table_type = 'BASE TABLE'
		  and c.table_name not like 'outbox\_%' and c.table_name not like 'report\_line\_%'
		  and c.data_type not in ('timestamp with time zone', 'xid8') and c.is_identity = 'NO'
		  and (c.data_type <> 'bytea' or c.column_name = 'payload_hash')
		order by 1, c.ordinal_position`)
	require.NoError(t, err)
	var all []table
	var name, column string
	_, err = pgx.ForEachRow(rows, []any{&name, &column}, func() error {
		if ignored[name] || unstable[name+"."+column] {
			return nil
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name})
		}
		last := &all[len(all)-1]
		last.columns = append(last.columns, fmt.Sprintf("coalesce(%s::text, '-')", pgx.Identifier{column}.Sanitize()))
		return nil
	})
	require.NoError(t, err)
	return all
}
