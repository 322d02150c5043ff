package cold_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/cold"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	day = 24 * time.Hour
	age = 10 * day
)

// vault is a report with lines of today and of three old days, one of which has a
// partition of its own.
type vault struct {
	t             *testing.T
	owner, reader *pgxpool.Pool
	conn          *pgx.Conn // as the function query
	folder        cold.Folder
	now           time.Time
}

func open(t *testing.T) *vault {
	t.Helper()
	db := pgtest.New(t)
	conn, err := pgx.Connect(context.Background(), db.ConnString("quittance_query"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	v := &vault{t: t, owner: db.Pool(""), reader: db.Pool("quittance_api"), conn: conn, folder: cold.Folder(t.TempDir())}
	v.now = one[time.Time](v, `select now()`)
	low := v.now.UTC().Add(-12 * day).Truncate(day)
	v.exec(`create table query.report_line_` + low.Format("20060102") + ` partition of query.report_line for values from ('` +
		low.Format(time.RFC3339) + `') to ('` + low.Add(day).Format(time.RFC3339) + `')`)
	for _, ago := range []time.Duration{0, 4 * day, 12 * day, 15 * day, 16 * day} {
		v.lines(ago, 50)
	}
	return v
}

func (v *vault) exec(sql string, args ...any) {
	v.t.Helper()
	_, err := v.owner.Exec(context.Background(), sql, args...)
	require.NoError(v.t, err)
}

func one[T any](v *vault, sql string, args ...any) (value T) {
	v.t.Helper()
	require.NoError(v.t, v.owner.QueryRow(context.Background(), sql, args...).Scan(&value))
	return value
}

// lines makes n lines of the day that is so long ago.
func (v *vault) lines(ago time.Duration, n int) {
	v.t.Helper()
	v.exec(`insert into query.report_line (occurred_at, id, kind, dst_account_id, direction, amount_minor, currency, status, reason)
		select $1::timestamptz + n * interval '1 millisecond', gen_random_uuid(), 'withdrawal', gen_random_uuid(), 'debit', n, 'EUR', 'fail', 'Insufficient funds "ü"'
		from generate_series(1, $2) n`, v.now.UTC().Add(-ago).Truncate(day), n)
}

func (v *vault) archive(store cold.Store) (cold.Done, error) {
	v.t.Helper()
	return cold.Archive(context.Background(), v.conn, store, age)
}

// within is what a report shows: pages of one that was open before, and of a new one.
func (v *vault) within(r report.Report) (lines []query.Line) {
	v.t.Helper()
	require.NoError(v.t, r.Each(context.Background(), v.reader, func(page []query.Line) error {
		lines = append(lines, page...)
		return nil
	}))
	return lines
}

func (v *vault) report() report.Report {
	v.t.Helper()
	r, err := report.Open(context.Background(), v.reader, report.Question{Caller: uuid.NewString(), Limit: 10, AtMost: 1, Hash: sha256.Sum256(nil)})
	require.NoError(v.t, err)
	return r
}

// C13: days that are old leave the database, verified; reports within five days are
// what they were, those that are open as well.
func TestC13_OldDaysGoAndReportsStay(t *testing.T) {
	t.Parallel()
	v := open(t)
	before := v.report()
	lines := v.within(before)
	require.Len(t, lines, 100)
	text := one[string](v, `select string_agg(query.line_text(l), '' order by l.occurred_at, l.id) from query.report_line l where occurred_at < now() - interval '11 days'`)

	done, err := v.archive(v.folder)
	require.NoError(t, err)
	require.Equal(t, 3, done.Days)
	require.Equal(t, 3, done.Files)
	require.EqualValues(t, 150, done.Lines)
	require.Zero(t, one[int](v, `select count(*) from query.report_line where occurred_at < now() - interval '11 days'`))
	require.Zero(t, one[int](v, `select count(*) from pg_class where relname = 'report_line_' || to_char(now() - interval '12 days', 'YYYYMMDD')`))
	require.Equal(t, lines, v.within(before), "the one that was open")
	require.Equal(t, lines, v.within(v.report()), "a new one")

	// The files hold what was there, and the notes are true of them.
	rows, err := v.owner.Query(t.Context(), `select object, lines, content from query.cold_part where detached_at is not null order by first_at`)
	require.NoError(t, err)
	var object string
	var count int
	var content []byte
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&object, &count, &content}, func() error {
		found, sum, err := cold.Look(t.Context(), v.folder, object)
		require.NoError(t, err)
		require.Equal(t, count, found)
		require.Equal(t, content, sum[:])
		n++
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Len(t, text, int(one[int64](v, `select $1::bigint`, int64(len(text)))))

	done, err = v.archive(v.folder)
	require.NoError(t, err)
	require.Equal(t, cold.Done{}, done, "there is nothing left to do")
}

// Lines that are heard of after their day went follow as another part.
func TestLateLinesFollow(t *testing.T) {
	t.Parallel()
	v := open(t)
	_, err := v.archive(v.folder)
	require.NoError(t, err)
	v.lines(12*day+12*time.Hour, 7)
	done, err := v.archive(v.folder)
	require.NoError(t, err)
	require.Equal(t, 1, done.Days)
	require.EqualValues(t, 7, done.Lines)
	require.Equal(t, 157, one[int](v, `select sum(lines) from query.cold_part where detached_at is not null`))
}

// spoiler is a store that does not keep what it is given.
type spoiler struct {
	cold.Folder
	spoil func([]byte) []byte
	fail  error
}

func (s spoiler) Write(ctx context.Context, name string, content io.Reader) error {
	if s.fail != nil {
		return s.fail
	}
	raw, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return s.Folder.Write(ctx, name, bytes.NewReader(s.spoil(raw)))
}

// What cannot be read back as it was written stays in the database.
func TestASpoiltFileIsNotBelieved(t *testing.T) {
	t.Parallel()
	v := open(t)
	full := errors.New("the disk is full")
	for name, store := range map[string]spoiler{
		"cut":     {spoil: func(b []byte) []byte { return b[:len(b)/2] }},
		"empty":   {spoil: func([]byte) []byte { return nil }},
		"flipped": {spoil: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		"refused": {fail: full},
	} {
		store.Folder = v.folder
		_, err := v.archive(store)
		require.Error(t, err, name)
		if store.fail != nil {
			require.ErrorIs(t, err, full)
		} else {
			require.ErrorIs(t, err, cold.ErrSpoilt, name)
		}
		require.Equal(t, 250, one[int](v, `select count(*) from query.report_line`), name)
		require.Zero(t, one[int](v, `select count(*) from query.cold_part`), name)
	}
	done, err := v.archive(v.folder)
	require.NoError(t, err)
	require.Equal(t, 3, done.Days)
}

// A day that changes between its files and its end stays, and is written again.
func TestADayThatChangesIsWrittenAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a line more":    `insert into query.report_line select occurred_at - interval '1 microsecond', gen_random_uuid(), kind, null, dst_account_id, direction, amount_minor, currency, status, reason from query.report_line where occurred_at < now() - interval '11 days' order by occurred_at limit 1`,
		"a line less":    `delete from query.report_line where id = (select id from query.report_line where occurred_at < now() - interval '11 days' order by occurred_at limit 1)`,
		"another amount": `update query.report_line set amount_minor = 77 where occurred_at < now() - interval '11 days'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := open(t)
			changed := false
			done, err := v.archive(spoiler{Folder: v.folder, spoil: func(b []byte) []byte {
				if !changed {
					changed = true
					v.exec(change) // after the lines were read
				}
				return b
			}})
			require.NoError(t, err)
			require.Positive(t, done.PutOff)
			left := one[int](v, `select count(*) from query.report_line`)
			require.Greater(t, left, 100, "what does not agree is still there")
			_, err = v.archive(v.folder)
			require.NoError(t, err)
			require.Equal(t, 100, one[int](v, `select count(*) from query.report_line`))
		})
	}
}

// What a report may reach stays, whoever asks.
func TestWhatReportsReachStays(t *testing.T) {
	t.Parallel()
	v := open(t)
	_, err := cold.Archive(t.Context(), v.conn, v.folder, 5*day)
	require.ErrorIs(t, err, cold.ErrTooYoung)
	_, err = v.conn.Exec(t.Context(), `select query.detach_day((now() at time zone 'UTC')::date - 6)`)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "report_reaches_back", refused.ConstraintName)
	var gone bool
	require.NoError(t, v.conn.QueryRow(t.Context(), `select query.detach_day((now() at time zone 'UTC')::date - 12)`).Scan(&gone))
	require.False(t, gone, "a day of which there are no files stays")
	for _, sql := range []string{`delete from query.report_line`, `drop table query.report_line_default`, `delete from query.cold_part`, `update query.cold_part set detached_at = now()`} {
		_, err := v.conn.Exec(t.Context(), sql)
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, "42501", refused.Code, sql)
	}
}

// A run that died after it wrote a file is done again: the file is replaced.
func TestARunThatDiedIsDoneAgain(t *testing.T) {
	t.Parallel()
	v := open(t)
	old := filepath.Join(string(v.folder), "report", v.now.UTC().Add(-16*day).Format("2006/01/02"), "part-0001.ndjson.gz")
	require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o700))
	for _, left := range []string{old, old + ".new"} {
		require.NoError(t, os.WriteFile(left, []byte("half a file"), 0o600))
	}
	done, err := v.archive(v.folder)
	require.NoError(t, err)
	require.Equal(t, 3, done.Days)
	_, err = os.Stat(old + ".new")
	require.ErrorIs(t, err, os.ErrNotExist)
}
