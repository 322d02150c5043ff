package pgserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrNotDurable says that a server may lose what it acknowledged.
var ErrNotDurable = errors.New("this Postgres may lose acknowledged commits")

// Querier is what CheckDurable asks its questions through: a connection, a
// pool or a transaction of pgx's.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// durableSettings and the values of each that keep an acknowledged commit.
// remote_apply waits for a standby too, so it is stronger than on.
var durableSettings = map[string][]string{
	"fsync":              {"on"},
	"full_page_writes":   {"on"},
	"synchronous_commit": {"on", "remote_apply"},
	"data_checksums":     {"on"},
}

// CheckDurable verifies on a live server that fsync, full_page_writes,
// synchronous_commit and data checksums are on, for the asking session and for
// every role and database that has settings of its own. The error wraps
// [ErrNotDurable] and names each setting that is not as it must be.
//
// A service asks this at its start and does not run when the answer is an error
// (assurance P7).
func CheckDurable(ctx context.Context, conn Querier) error {
	weak, err := weakSettings(ctx, conn)
	if err != nil {
		return fmt.Errorf("check durable settings: %w", err)
	}
	overrides, err := weakOverrides(ctx, conn)
	if err != nil {
		return fmt.Errorf("check durable settings of roles and databases: %w", err)
	}
	if weak = append(weak, overrides...); len(weak) > 0 {
		return fmt.Errorf("%w: %s", ErrNotDurable, strings.Join(weak, ", "))
	}
	return nil
}

func weakSettings(ctx context.Context, conn Querier) ([]string, error) {
	rows, err := conn.Query(ctx, `
		select name, setting from pg_settings
		where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums')
		order by name`)
	if err != nil {
		return nil, err
	}
	type live struct{ Name, Setting string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[live])
	if err != nil {
		return nil, err
	}
	if len(found) != len(durableSettings) {
		return nil, fmt.Errorf("the server shows %d of the %d settings", len(found), len(durableSettings))
	}
	var weak []string
	for _, l := range found {
		if !accepts(l.Name, l.Setting) {
			weak = append(weak, l.Name+" is "+l.Setting)
		}
	}
	return weak, nil
}

// weakOverrides finds ALTER ROLE and ALTER DATABASE ... SET synchronous_commit,
// the only one of the four that they can change.
func weakOverrides(ctx context.Context, conn Querier) ([]string, error) {
	rows, err := conn.Query(ctx, `
		select coalesce(r.rolname, 'every role'), coalesce(d.datname, 'every database'),
		       lower(split_part(c, '=', 2))
		from pg_db_role_setting s
		left join pg_roles r on r.oid = s.setrole
		left join pg_database d on d.oid = s.setdatabase
		cross join unnest(s.setconfig) c
		where c like 'synchronous\_commit=%'
		order by 1, 2`)
	if err != nil {
		return nil, err
	}
	type override struct{ Role, Database, Value string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[override])
	if err != nil {
		return nil, err
	}
	var weak []string
	for _, o := range found {
		switch o.Value {
		case "true", "yes", "1": // other spellings of on
		default:
			if !accepts("synchronous_commit", o.Value) {
				weak = append(weak, fmt.Sprintf("synchronous_commit is %s for %s in %s", o.Value, o.Role, o.Database))
			}
		}
	}
	return weak, nil
}

func accepts(name, value string) bool {
	for _, ok := range durableSettings[name] {
		if value == ok {
			return true
		}
	}
	return false
}
