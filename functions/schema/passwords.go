package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/secret"
)

// SetPasswords gives the functions' roles the passwords that lie in folder, one
// file per role, named like it. It returns the roles that have a new one. What
// is sent to the database is a SCRAM verifier and never a password, so none can
// stand in the server's log. The same files again change nothing that anybody
// could notice.
//
// A file that names no role of the bank, a password that cannot be used and a
// folder without any file are errors, and then no password is set at all.
func SetPasswords(ctx context.Context, conn *pgx.Conn, folder string) (set []string, err error) {
	roles, err := ourRoles(ctx, conn)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("passwords of roles: %w", err)
	}
	var statements []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") { // the folders behind a mounted Secret
			continue
		}
		if !slices.Contains(roles, name) {
			return nil, fmt.Errorf("passwords of roles: %s is not a role of the bank", name)
		}
		password, err := secret.Watch(filepath.Join(folder, name), secret.Text).Now()
		if err != nil {
			return nil, fmt.Errorf("password of %s: %w", name, err)
		}
		verifier, err := scramVerifier(password)
		if err != nil {
			return nil, fmt.Errorf("password of %s: %w", name, err)
		}
		set = append(set, name)
		statements = append(statements, "alter role "+pgx.Identifier{name}.Sanitize()+" password '"+verifier+"'") // of letters, digits and +/=:$
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("passwords of roles: %s holds none", folder)
	}
	// Two that change the same role at once would fail.
	err = locked(ctx, conn, func() error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for i, statement := range statements {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return fmt.Errorf("password of %s: %w", set[i], err)
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// ourRoles lists the roles that the migrations made.
func ourRoles(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `select rolname::text from pg_roles where rolname like 'quittance\_%' and rolcanlogin`)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	if len(roles) == 0 {
		return nil, errors.New("there are no roles yet: migrate first")
	}
	return roles, nil
}
