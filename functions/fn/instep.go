package fn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// AtOnce does several things in as few round trips as the longest of them takes: each
// task runs until it asks the database something, then all that was asked travels
// together, and so on. They take turns and never run at the same time. What
// is asked in one round is carried out in the order of tasks: a task sees what the
// earlier ones have done in that round, and nothing of their next. The first
// error ends all of them.
func AtOnce(ctx context.Context, tx Tx, tasks ...func(Tx) error) error {
	return inStep(ctx, tx, tasks)
}

// walker is one task on its way.
type walker struct {
	next     func() (*question, bool)
	err      error
	panicked *taskPanic
}

// taskPanic is a panic with the stack of the task that it broke: where it is
// raised again, that stack is gone.
type taskPanic struct {
	value any
	stack []byte
}

func (p *taskPanic) String() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

// inStep is AtOnce.
func inStep(ctx context.Context, tx Tx, tasks []func(Tx) error) error {
	if len(tasks) == 1 {
		return tasks[0](tx)
	}
	walking := make([]*walker, len(tasks))
	for i, task := range tasks {
		w := &walker{}
		next, stop := iter.Pull(func(yield func(*question) bool) {
			defer func() {
				if p := recover(); p != nil {
					w.panicked = &taskPanic{p, debug.Stack()}
				}
			}()
			own := tx
			own.Tx = stepTx{tx.Tx, yield}
			w.err = task(own)
		})
		defer stop()
		w.next, walking[i] = next, w
	}
	for len(walking) > 0 {
		var asked []*question
		still := walking[:0]
		for _, w := range walking {
			q, more, err := w.step()
			switch {
			case err != nil:
				return err
			case more:
				asked, still = append(asked, q), append(still, w)
			}
		}
		if err := ask(ctx, tx.Tx, asked); err != nil {
			return inTheWordsOf(still, asked, err)
		}
		walking = still
	}
	return nil
}

// step has the task go on to its next question, if it has one.
func (w *walker) step() (q *question, more bool, err error) {
	q, more = w.next()
	if w.panicked != nil {
		panic(w.panicked) //nolint:forbidigo // the function's own, raised where the kernel contains it
	}
	return q, more, w.err
}

// inTheWordsOf lets the task whose question failed say what it was about.
func inTheWordsOf(walking []*walker, asked []*question, failed error) error {
	for i, q := range asked {
		if q.err == nil {
			continue
		}
		if _, more, err := walking[i].step(); !more && err != nil {
			return err
		}
	}
	return failed // also when the task does not mind: its transaction is broken
}

// question is what one task asks at a time, and what it is told.
type question struct {
	queries []*pgx.QueuedQuery
	replies []*reply
	err     error
}

// reply is the whole answer to one statement.
type reply struct {
	fields []pgconn.FieldDescription
	rows   [][][]byte
	tag    pgconn.CommandTag
}

// ask sends everything in one round trip and reads all answers. After an error the
// transaction is broken, and no reply is worth anything.
func ask(ctx context.Context, tx pgx.Tx, asked []*question) error {
	if len(asked) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, q := range asked {
		for _, query := range q.queries {
			batch.Queue(query.SQL, query.Arguments...).Query(func(rows pgx.Rows) error {
				r, err := readReply(rows)
				q.replies, q.err = append(q.replies, r), err
				return err
			})
		}
	}
	return tx.SendBatch(ctx, batch).Close()
}

func readReply(rows pgx.Rows) (*reply, error) {
	r := &reply{}
	for rows.Next() {
		var size int
		for _, value := range rows.RawValues() {
			size += len(value)
		}
		space := make([]byte, 0, size)
		row := make([][]byte, len(rows.RawValues()))
		for i, value := range rows.RawValues() { // valid until the next row
			if value == nil {
				continue // null is not empty
			}
			begin := len(space)
			space = append(space, value...)
			row[i] = space[begin:len(space):len(space)]
		}
		r.rows = append(r.rows, row)
	}
	if err := rows.Err(); err != nil {
		return r, err
	}
	r.fields, r.tag = slices.Clone(rows.FieldDescriptions()), rows.CommandTag()
	return r, nil
}

// errStopped is what a task is told that asks on after another one has failed.
var errStopped = errors.New("another event of the group has failed")

// stepTx is the transaction as one task in step uses it: its statements wait for
// those of the others. Everything else goes to the connection, which is idle while a
// task runs.
type stepTx struct {
	pgx.Tx
	yield func(*question) bool
}

func (t stepTx) ask(ctx context.Context, queries ...*pgx.QueuedQuery) ([]*reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q := &question{queries: queries}
	if !t.yield(q) {
		return nil, errStopped
	}
	return q.replies, q.err
}

func (t stepTx) one(ctx context.Context, sql string, args []any) *replyRows {
	replies, err := t.ask(ctx, &pgx.QueuedQuery{SQL: sql, Arguments: args})
	if err != nil {
		return brokenReply(err)
	}
	return t.rows(replies[0])
}

func (t stepTx) rows(r *reply) *replyRows { return &replyRows{reply: r, conn: t.Conn(), at: -1} }

func (t stepTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r := t.one(ctx, sql, args)
	return r.CommandTag(), r.err
}

func (t stepTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	r := t.one(ctx, sql, args)
	return r, r.err
}

func (t stepTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return replyRow{t.one(ctx, sql, args)}
}

func (t stepTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	replies, err := t.ask(ctx, b.QueuedQueries...)
	return &replyBatch{tx: t, queries: b.QueuedQueries, replies: replies, err: err}
}

// replyRows is a reply as pgx.Rows.
type replyRows struct {
	reply  *reply
	conn   *pgx.Conn
	at     int
	closed bool
	err    error
}

func brokenReply(err error) *replyRows {
	return &replyRows{reply: &reply{}, at: -1, closed: true, err: err}
}

func (r *replyRows) Close()                                       { r.closed = true }
func (r *replyRows) Err() error                                   { return r.err }
func (r *replyRows) CommandTag() pgconn.CommandTag                { return r.reply.tag }
func (r *replyRows) FieldDescriptions() []pgconn.FieldDescription { return r.reply.fields }
func (r *replyRows) Conn() *pgx.Conn                              { return r.conn }
func (r *replyRows) RawValues() [][]byte                          { return r.reply.rows[r.at] }

func (r *replyRows) TypeMap() *pgtype.Map {
	if r.conn == nil {
		return nil
	}
	return r.conn.TypeMap()
}

func (r *replyRows) Next() bool {
	if r.closed {
		return false
	}
	r.at++
	r.closed = r.at >= len(r.reply.rows)
	return !r.closed
}

func (r *replyRows) fail(err error) error {
	if err != nil {
		r.err, r.closed = err, true
	}
	return err
}

func (r *replyRows) Scan(dest ...any) error {
	if len(dest) == 1 {
		if whole, ok := dest[0].(pgx.RowScanner); ok {
			return r.fail(whole.ScanRow(r))
		}
	}
	return r.fail(pgx.ScanRow(r.TypeMap(), r.reply.fields, r.RawValues(), dest...))
}

func (r *replyRows) Values() ([]any, error) {
	values := make([]any, len(r.reply.fields))
	dest := make([]any, len(values))
	for i := range values {
		dest[i] = &values[i]
	}
	return values, r.Scan(dest...)
}

// replyRow is the first row of a reply.
type replyRow struct{ rows *replyRows }

func (r replyRow) Scan(dest ...any) error {
	switch {
	case r.rows.err != nil:
		return r.rows.err
	case !r.rows.Next():
		return pgx.ErrNoRows
	}
	return r.rows.Scan(dest...)
}

// replyBatch is the replies to a batch.
type replyBatch struct {
	tx      stepTx
	queries []*pgx.QueuedQuery
	replies []*reply
	read    int
	err     error
	closed  bool
}

func (b *replyBatch) next() *replyRows {
	if b.err == nil && (b.closed || b.read == len(b.replies)) {
		b.err = errors.New("no result")
	}
	if b.err != nil {
		return brokenReply(b.err)
	}
	b.read++
	return b.tx.rows(b.replies[b.read-1])
}

func (b *replyBatch) Exec() (pgconn.CommandTag, error) {
	r := b.next()
	return r.CommandTag(), r.err
}

func (b *replyBatch) Query() (pgx.Rows, error) {
	r := b.next()
	return r, r.err
}

func (b *replyBatch) QueryRow() pgx.Row { return replyRow{b.next()} }

// Tx is nil: no batch in a transaction begins one.
func (b *replyBatch) Tx() pgx.Tx { return nil }

func (b *replyBatch) Close() error {
	for b.err == nil && !b.closed && b.read < len(b.replies) {
		read := b.queries[b.read].Fn
		if read == nil {
			b.read++
			continue
		}
		if err := read(b); err != nil {
			b.err = err
		}
	}
	b.closed = true
	return b.err
}
