package pgtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/schema"
)

// templateLock is the advisory lock under which templates are made: "template"
// in ASCII. One for all of them, because migrations also create roles, which
// belong to the whole server.
const templateLock int64 = 0x74656d706c617465

// template returns the name of the database to clone, made if it is not there.
func (s *server) template(ctx context.Context) (string, error) {
	s.templateOnce.Lock()
	defer s.templateOnce.Unlock()
	if s.templateName != "" {
		return s.templateName, nil
	}
	name := "quittance_template_" + schema.Hash()
	err := s.inMaintenance(ctx, func(conn *pgx.Conn) error {
		// Held by the session: it goes with the connection at the latest.
		if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", templateLock); err != nil {
			return err
		}
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there); err != nil || there {
			return err
		}
		return s.buildTemplate(ctx, conn, name)
	})
	if err != nil {
		return "", err
	}
	s.templateName = name
	return name, nil
}

func (s *server) buildTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	building := name + "_building"
	for _, statement := range []string{
		"drop database if exists " + ident(building) + " with (force)", // of one who was killed here
		"create database " + ident(building) + " template template0",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrate(ctx, s.conn, building); err != nil {
		return err
	}
	for _, statement := range []string{
		"alter database " + ident(building) + " allow_connections false",
		"alter database " + ident(building) + " rename to " + ident(name),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func migrate(ctx context.Context, info connInfo, database string) (err error) {
	conn, err := info.connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return schema.Migrate(ctx, conn)
}
