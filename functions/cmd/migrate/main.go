// Command migrate brings the database to the newest schema, records who hears
// what, and sets the passwords of the functions' roles. It runs once before the
// functions of a release, as the owner, and may run again at any time.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/schema"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, os.LookupEnv); err != nil {
		slog.Error("not migrated", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, lookup func(string) (string, bool)) error {
	var c struct {
		config.Service
		config.Migrate
	}
	if err := config.Load(ctx, lookup, &c); err != nil {
		return err
	}
	conn, err := connect(ctx, c.Postgres, c.Wait)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := pgserver.CheckDurable(ctx, conn); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, conn); err != nil {
		return err
	}
	if err := schema.Subscribe(ctx, conn, events.Subscriptions()); err != nil {
		return err
	}
	if c.RolePasswordsDir != "" {
		set, err := schema.SetPasswords(ctx, conn, c.RolePasswordsDir)
		if err != nil {
			return err
		}
		slog.Info("passwords set", "roles", set)
	}
	fmt.Println("the schema is", schema.Hash())
	return nil
}

// connect tries for as long as wait: a job may start before the database does.
func connect(ctx context.Context, c config.Postgres, wait time.Duration) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		conn, err := pgpool.Connect(ctx, c)
		if err == nil {
			return conn, nil
		}
		slog.Info("the database takes no connection yet", "error", err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("no database within %s: %w", wait, err)
		}
	}
}
