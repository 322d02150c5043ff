package fn_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// trips counts the round trips of a transaction.
type trips struct {
	pgx.Tx
	made int
}

func (t *trips) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	t.made++
	return t.Tx.SendBatch(ctx, b)
}

func (t *trips) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	t.made++
	return t.Tx.Query(ctx, sql, args...)
}

func (t *trips) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t.made++
	return t.Tx.QueryRow(ctx, sql, args...)
}

// counted is a transaction that is rolled back when the test ends.
func (r *rig) counted() (fn.Tx, *trips) {
	r.t.Helper()
	tx, err := r.owner.Begin(context.Background())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	t := &trips{Tx: tx}
	return fn.NewTx(t, time.Now()), t
}

// number asks for n and notes in seen that it came.
func number(ctx context.Context, tx fn.Tx, n int, seen *[]int) error {
	var got int
	err := tx.QueryRow(ctx, `select $1::int`, n).Scan(&got)
	*seen = append(*seen, got)
	return err
}

func TestAtOnceTakesAsManyRoundTripsAsTheLongest(t *testing.T) {
	t.Parallel()
	tx, trips := newRig(t).counted()
	ctx := context.Background()
	var seen []int
	require.NoError(t, fn.AtOnce(ctx, tx,
		func(tx fn.Tx) error {
			return errors.Join(number(ctx, tx, 1, &seen), number(ctx, tx, 4, &seen), number(ctx, tx, 6, &seen))
		},
		func(tx fn.Tx) error { return number(ctx, tx, 2, &seen) },
		func(fn.Tx) error { return nil },
		func(tx fn.Tx) error { return errors.Join(number(ctx, tx, 3, &seen), number(ctx, tx, 5, &seen)) },
	))
	require.Equal(t, []int{1, 2, 3, 4, 5, 6}, seen, "by turns, in order")
	require.Equal(t, 3, trips.made)

	trips.made, seen = 0, nil
	require.NoError(t, fn.AtOnce(ctx, tx, func(tx fn.Tx) error {
		return fn.AtOnce(ctx, tx,
			func(tx fn.Tx) error { return number(ctx, tx, 1, &seen) },
			func(tx fn.Tx) error { return number(ctx, tx, 2, &seen) })
	}, func(tx fn.Tx) error { return number(ctx, tx, 3, &seen) }))
	require.Equal(t, []int{1, 2, 3}, slices.Sorted(slices.Values(seen)))
	require.Equal(t, 1, trips.made, "one inside the other")
	require.NoError(t, fn.AtOnce(ctx, tx))
}

// What a task reads is what it would read alone.
func TestAtOnceReadsWhateverThereIs(t *testing.T) {
	t.Parallel()
	tx, _ := newRig(t).counted()
	ctx := context.Background()
	type line struct {
		N    int
		Name *string
		Raw  []byte
		At   time.Time
	}
	const lines = `select n, case when n > 1 then 'line ' || n end as name, case when n > 1 then '\x00ff'::bytea else ''::bytea end as raw,
		'2026-01-02 03:04:05+00'::timestamptz as at from generate_series(1, 3) n order by n`
	read := func(tx fn.Tx) (all []line) {
		rows, err := tx.Query(ctx, lines)
		require.NoError(t, err)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByName[line])
		require.NoError(t, err)
		require.Equal(t, int64(3), rows.CommandTag().RowsAffected())
		return all
	}
	alone := read(tx)
	require.Nil(t, alone[0].Name)
	require.Len(t, alone, 3)
	idle := func(tx fn.Tx) error { return number(ctx, tx, 0, &[]int{}) }
	require.NoError(t, fn.AtOnce(ctx, tx, idle,
		func(tx fn.Tx) error { require.Equal(t, alone, read(tx)); return nil },
		func(tx fn.Tx) error {
			var n int
			require.ErrorIs(t, tx.QueryRow(ctx, `select 1 where false`).Scan(&n), pgx.ErrNoRows)
			tag, err := tx.Exec(ctx, `insert into probe.effect values ('a', ''), ('b', '')`)
			require.Equal(t, int64(2), tag.RowsAffected())
			return err
		},
		func(tx fn.Tx) error {
			var first, third int
			batch := &pgx.Batch{}
			batch.Queue(`select 1`).QueryRow(func(row pgx.Row) error { return row.Scan(&first) })
			batch.Queue(`select 2`)
			batch.Queue(`select n from generate_series(3, 4) n`).Query(func(rows pgx.Rows) error {
				_, err := pgx.ForEachRow(rows, []any{&third}, func() error { return nil })
				return err
			})
			require.NoError(t, tx.SendBatch(ctx, batch).Close())
			require.Equal(t, []int{1, 4}, []int{first, third})
			return nil
		},
		func(tx fn.Tx) error {
			rows, err := tx.Query(ctx, `select 7::int, 'x', null::text`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			values, err := rows.Values()
			require.Equal(t, []any{int32(7), "x", nil}, values)
			require.False(t, rows.Next())
			return err
		},
		func(tx fn.Tx) error {
			var n time.Time
			require.Error(t, tx.QueryRow(ctx, `select 'no time'`).Scan(&n), "a wrong type is its own task's mistake")
			return nil
		},
	))
}

func TestAtOnceEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	r, ctx, own := newRig(t), context.Background(), errors.New("mine")
	for name, c := range map[string]struct {
		breaks func(fn.Tx) error
		is     func(error) bool
	}{
		"of a task": {func(fn.Tx) error { return own }, func(err error) bool { return errors.Is(err, own) }},
		"of the database": {
			func(tx fn.Tx) error {
				_, err := tx.Exec(ctx, `select 1/0`)
				return fmt.Errorf("divide: %w", err)
			},
			func(err error) bool {
				pgErr, ok := errors.AsType[*pgconn.PgError](err)
				return ok && pgErr.Code == "22012" && strings.HasPrefix(err.Error(), "divide: ")
			},
		},
		"of the database, which the task does not mind": {
			func(tx fn.Tx) error { _, _ = tx.Exec(ctx, `select 1/0`); return nil },
			func(err error) bool { _, ok := errors.AsType[*pgconn.PgError](err); return ok },
		},
	} {
		tx, _ := r.counted()
		var told error
		var seen []int
		err := fn.AtOnce(ctx, tx, func(tx fn.Tx) error {
			told = number(ctx, tx, 1, &seen)
			return errors.Join(told, number(ctx, tx, 2, &seen))
		}, c.breaks)
		require.True(t, c.is(err), "%s: %v", name, err)
		require.Error(t, told, "%s: whoever waits is told", name)
	}
	tx, _ := r.counted()
	func() {
		defer func() {
			said := fmt.Sprint(recover())
			require.Contains(t, said, "broken")
			require.Contains(t, said, "breakDown", "the stack is the task's")
		}()
		_ = fn.AtOnce(ctx, tx, func(tx fn.Tx) error { return number(ctx, tx, 1, &[]int{}) }, breakDown)
	}()
	over, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, fn.AtOnce(ctx, tx, func(tx fn.Tx) error { return number(over, tx, 1, &[]int{}) },
		func(fn.Tx) error { return nil }), context.Canceled)
}

func breakDown(fn.Tx) error { panic("broken") }

// steps is a function of two steps per event, which notes their order.
func steps(c *crowd, inStep bool, order *[]string) fn.Function {
	f := function("validation", c.arriving(fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			c.hold(in.ID)
			for range 2 {
				if in.ID != c.first.ID {
					*order = append(*order, in.ID)
				}
				if in.Data.AmountMinor == 13 {
					if _, err := tx.Exec(ctx, `select 1/0`); err != nil {
						return nil, err
					}
				}
				if err := note(ctx, tx, in.ID, ""); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})))
	f.InStep = inStep
	return f
}

// sequential tells whether each event ended before the next began.
func sequential(order []string) bool { return len(slices.Compact(slices.Clone(order)))*2 == len(order) }

func TestEventsAboutDifferentThingsGoInStep(t *testing.T) {
	t.Parallel()
	invoice := uuid.NewString()
	same := many(20)
	for i := range same {
		d := submitted()
		d.InvoiceID = invoice
		same[i] = fntest.Event(d)
	}
	for name, tt := range map[string]struct {
		inStep bool
		all    []fn.Envelope
		alone  bool
	}{
		"in step":                {true, many(20), false},
		"about the same invoice": {true, same, true},
		"a function that is not": {false, many(20), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := newRig(t), crowded()
			var order []string
			c.post(t, r.open(steps(c, tt.inStep, &order), fn.Options{}), tt.all, map[int]int{http.StatusOK: 20})
			r.holds(42, 21, 0)
			require.Len(t, order, 40)
			require.Equal(t, tt.alone, sequential(order), strings.Join(order, " "))
		})
	}
}

// TestOneThatFailsInStep takes the group apart, and nobody else suffers.
func TestOneThatFailsInStep(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	bad := submitted()
	bad.AmountMinor = 13
	var order []string
	c.post(t, r.open(steps(c, true, &order), fn.Options{}), append(many(5), fntest.Event(bad)),
		map[int]int{http.StatusOK: 5, http.StatusServiceUnavailable: 1})
	r.holds(12, 6, 0)
}
