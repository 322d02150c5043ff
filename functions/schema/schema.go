package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where tern keeps the number of the last migration applied.
const versionTable = "public.schema_version"

// lockKey is the advisory lock under which migrations run: "quittance" in
// ASCII, cut to 63 bits.
const lockKey int64 = 0x7175697474616e63

// Migrate brings the database of conn to the newest version. Several processes
// may call it at once: one works, the others wait and find nothing to do.
func Migrate(ctx context.Context, conn *pgx.Conn) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return migrateFrom(ctx, conn, files)
}

// migrateFrom runs the migrations in files, which are numbered from 1 without a
// gap and without a twin.
func migrateFrom(ctx context.Context, conn *pgx.Conn, files fs.FS) error {
	return locked(ctx, conn, func() error {
		migrator, err := migrate.NewMigrator(ctx, conn, versionTable)
		if err != nil {
			return fmt.Errorf("open the version table: %w", err)
		}
		if err := migrator.LoadMigrations(files); err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		if err := migrator.Migrate(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	})
}

// locked runs work under the schema's advisory lock, which several processes
// take one after the other.
func locked(ctx context.Context, conn *pgx.Conn, work func() error) (err error) {
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", lockKey); err != nil {
		return fmt.Errorf("lock the schema: %w", err)
	}
	defer func() {
		if _, unlockErr := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", lockKey); err == nil && unlockErr != nil {
			err = fmt.Errorf("unlock the schema: %w", unlockErr)
		}
	}()
	return work()
}

// Subscribe records which consumer hears which event type, so that the audit
// knows who is owed an event. A consumer that is new to a type is owed the
// events committed from now on. A pair that is gone from the code is removed.
func Subscribe(ctx context.Context, conn *pgx.Conn, hears map[string][]string) error {
	var consumers, types []string
	for consumer, heard := range hears {
		for _, t := range heard {
			consumers, types = append(consumers, consumer), append(types, t)
		}
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			delete from delivery.subscription s
			where not exists (select from unnest($1::text[], $2::text[]) n(consumer, type)
			                  where n.consumer = s.consumer and n.type = s.type)`, consumers, types); err != nil {
			return fmt.Errorf("remove old subscriptions: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			insert into delivery.subscription (consumer, type)
			select * from unnest($1::text[], $2::text[]) on conflict do nothing`, consumers, types); err != nil {
			return fmt.Errorf("add subscriptions: %w", err)
		}
		return nil
	})
}

// Hash names the migrations: two builds with the same hash make the same
// database.
func Hash() string { return hashOf(migrations) }

func hashOf(files fs.FS) string {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		panic(err) //nolint:forbidigo // cannot be: the pattern is a constant
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		body, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) //nolint:forbidigo // cannot be: embedded, and listed a line above
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(body))
		sum.Write(body)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}
