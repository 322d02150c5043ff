package report

import (
	"context"
	"fmt"

	"quittance.dev/functions/fn"
)

// Purge ends at most limit reports whose time has passed, and returns how many.
func Purge(ctx context.Context, tx fn.Tx, limit int) (int64, error) {
	tag, err := tx.Exec(ctx, `
		delete from query.report where id in (select id from query.report where expires_at <= $1 order by expires_at limit $2)`, tx.Now(), limit)
	if err != nil {
		return 0, fmt.Errorf("end expired reports: %w", err)
	}
	return tag.RowsAffected(), nil
}

// MakePartitions makes the partitions of the report's lines for the coming days.
func MakePartitions(ctx context.Context, tx fn.Tx, days int) error {
	if _, err := tx.Exec(ctx, `select query.make_partitions($1)`, days); err != nil {
		return fmt.Errorf("make partitions of the report: %w", err)
	}
	return nil
}
