package bank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/pgserver/pgfetch"
	"quittance.dev/functions/schema"
)

const database = "quittance"

// startPostgres brings up the durable server in folder, with the newest schema.
func startPostgres(ctx context.Context, folder string, logger *slog.Logger) (*pgserver.Server, error) {
	server, err := pgserver.Start(ctx, pgserver.Options{
		DataDir: folder, Durable: true, Fetch: pgfetch.Fetch, Logger: logger, Settings: map[string]string{"shared_preload_libraries":"pg_stat_statements","pg_stat_statements.track":"all","pg_stat_statements.track_planning":"on","pg_stat_statements.max":"5000"},
	})
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, server); err != nil {
		return nil, errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	return server, nil
}

// prepare makes the database and brings it to the newest schema. Each step can
// be run again, whatever the one before was killed in.
func prepare(ctx context.Context, server *pgserver.Server) error {
	admin, err := pgx.Connect(ctx, server.ConnString("postgres", pgserver.Superuser))
	if err != nil {
		return fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	var there bool
	if err := admin.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, database).Scan(&there); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if !there {
		if _, err := admin.Exec(ctx, `create database `+database); err != nil {
			return fmt.Errorf("create the database: %w", err)
		}
	}
	conn, err := pgx.Connect(ctx, server.ConnString(database, pgserver.Superuser))
	if err != nil {
		return fmt.Errorf("connect to the bank's database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := pgserver.CheckDurable(ctx, conn); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, conn); err != nil {
		return err
	}
	return schema.Subscribe(ctx, conn, events.Subscriptions())
}

// pool opens a pool as the role of the named function.
func pool(ctx context.Context, server *pgserver.Server, name string, size int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(server.ConnString(database, "quittance_"+strings.ReplaceAll(name, "-", "_")))
	if err != nil {
		return nil, fmt.Errorf("pool of %s: %w", name, err)
	}
	return pgpool.New(ctx, cfg, size, name)
}
