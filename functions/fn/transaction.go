package fn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/functions/fp"
)

// inTransaction claims units, runs work and commits what it says. Begin, clock
// and claims travel in one round trip, outbox and commit in another: with
// a small group the way to the database is most of the time.
//
// An error of the commit itself does not mean that it was rolled back. Nobody
// concludes so: the event is delivered again, and its row tells.
func (h *Host) inTransaction(ctx context.Context, units []*unit, work func(Tx, []error) ([]result, error)) ([]result, error) {
	conn, err := h.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// A connection that is not idle any more is closed by Release, which is a
	// roll-back as well.
	defer conn.Release()
	tx := Tx{Tx: openTx{conn}, last: &pgx.Batch{}}
	claims := sortClaims(units)
	if err := h.begin(ctx, &tx, claims); err != nil {
		return nil, rollback(ctx, conn, err)
	}
	verdicts, err := h.verdicts(ctx, tx, claims)
	if err != nil {
		return nil, rollback(ctx, conn, err)
	}
	results, err := work(tx, verdicts)
	if err == nil {
		err = fp.Hit(ctx, h.function.Name+".before-commit")
	}
	if err != nil {
		return nil, rollback(ctx, conn, err)
	}
	if err := commit(ctx, conn, tx.last, results); err != nil {
		return nil, rollback(ctx, conn, err)
	}
	return results, nil
}

// begin opens the transaction, reads its instant and claims the group.
func (h *Host) begin(ctx context.Context, tx *Tx, c *claims) error {
	level := "read committed"
	if h.function.Serializable {
		level = "serializable"
	}
	batch := &pgx.Batch{}
	batch.Queue("begin isolation level " + level)
	batch.Queue("select now()").QueryRow(func(row pgx.Row) error { return row.Scan(&tx.now) })
	h.queueClaims(batch, c)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	tx.now = tx.now.UTC()
	return nil
}

// errNotCommitted: Postgres answers a commit of a broken transaction with
// ROLLBACK and no error.
var errNotCommitted = errors.New("the transaction was rolled back instead of committed")

// commit sends the function's last statements, stores what was said and commits.
func commit(ctx context.Context, conn *pgxpool.Conn, batch *pgx.Batch, results []result) error {
	var said []Envelope
	for _, r := range results {
		said = append(said, r.said...)
	}
	queueOutbox(batch, said)
	batch.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return errNotCommitted
		}
		return nil
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store what was said and commit: %w", err)
	}
	return nil
}

// rollback ends the transaction after cause and returns cause. If it cannot,
// the connection is closed when it is released, which ends it too.
func rollback(ctx context.Context, conn *pgxpool.Conn, cause error) error {
	if conn.Conn().IsClosed() {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		return errors.Join(cause, fmt.Errorf("roll back: %w", err))
	}
	return cause
}

// errNested: the kernel opens and ends the transaction; nobody inside does.
var errNested = errors.New("the kernel owns this transaction")

// openTx is the transaction that is open on a connection, as far as a
// function's code may use it.
type openTx struct{ conn *pgxpool.Conn }

// Begin refuses: transactions do not nest.
func (openTx) Begin(context.Context) (pgx.Tx, error) { return nil, errNested }

// Commit refuses: the kernel commits.
func (openTx) Commit(context.Context) error { return errNested }

// Rollback refuses: return an error instead.
func (openTx) Rollback(context.Context) error { return errNested }

// The rest is the connection's.

func (t openTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, sql, args...)
}

func (t openTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, sql, args...)
}

func (t openTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}

func (t openTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

func (t openTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, columns, rows)
}

func (t openTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.conn.Conn().Prepare(ctx, name, sql)
}

func (openTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

func (t openTx) Conn() *pgx.Conn { return t.conn.Conn() }
