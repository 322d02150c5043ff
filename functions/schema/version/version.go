// Package version is which schema the functions of this build need, and how one
// finds out what a database has. It is apart from the migrations so that no
// function carries them.
package version

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Needed is the number of the last migration that the code of this build relies
// on. A newer schema is fine: migrations expand before they contract. Raise it
// together with the migration.
const Needed = 20

// Check says with an error that db cannot be used yet: it is out of reach, it
// was never migrated, or its schema is older than Needed.
func Check(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) error {
	var is int
	if err := db.QueryRow(ctx, `select version from delivery.schema_version`).Scan(&is); err != nil {
		return fmt.Errorf("ask for the schema's version: %w", err)
	}
	if is < Needed {
		return fmt.Errorf("the schema is at migration %d, this build needs %d", is, Needed)
	}
	return nil
}
