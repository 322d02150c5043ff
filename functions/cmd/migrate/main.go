// Command migrate brings the database to the newest schema and records who
// hears what. It runs once before the functions of a release, as the owner.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/schema"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		slog.Error("not migrated", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var c config.Service
	if err := config.Load(ctx, os.LookupEnv, &c); err != nil {
		return err
	}
	conn, err := pgpool.Connect(ctx, c.Postgres)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := pgserver.CheckDurable(ctx, conn); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, conn); err != nil {
		return err
	}
	if err := schema.Subscribe(ctx, conn, events.Subscriptions()); err != nil {
		return err
	}
	fmt.Println("the schema is", schema.Hash())
	return nil
}
