package fn

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
)

// In is one event as a function's own code sees it.
type In[D events.Data] struct {
	ID            string
	Source        string
	Subject       string
	CorrelationID string
	Time          time.Time // when the event was said; not a clock to decide by
	Data          D
}

// Tx is the transaction in which a function does its work, with the one
// instant that everything in it happens at. Nobody below reads a clock.
type Tx struct {
	pgx.Tx
	now   time.Time
	last  *pgx.Batch
	after *[]func()
}

// NewTx is a Tx on a transaction that somebody else opened, at now, and ends, such
// as a test: who ends it sends Last first. AfterCommit calls nothing in it.
func NewTx(tx pgx.Tx, now time.Time) Tx { return Tx{Tx: tx, now: now, last: &pgx.Batch{}} }

// Now is the database's time at which the transaction began, in UTC.
func (t Tx) Now() time.Time { return t.now }

// Last takes the statements that need no answer but that they succeed. They are
// sent together with the commit, which fails if one of them does.
func (t Tx) Last() *pgx.Batch { return t.last }

// AfterCommit has f called once this transaction has committed, and never if
// it has not. It is for counting what happened, nothing that must not be lost:
// a process that dies in between does not call it.
func (t Tx) AfterCommit(f func()) {
	if t.after != nil {
		*t.after = append(*t.after, f)
	}
}

// Function is one deployable function: its name, which is also the name of its
// service, its manifest and its consumer rows, and what it does on each event.
type Function struct {
	Name     string
	Handlers []Handler
	// Serializable runs the function's transactions at that isolation level;
	// otherwise they read committed data. The ledger asks for it.
	Serializable bool
	// Lanes is how many transactions of the function one process may have in
	// flight; 0 means 1.
	Lanes int
	// LaneBy names what an event is about: what has the same name shares a lane,
	// so that work on it does not meet itself in two transactions. Default: the
	// partition key.
	LaneBy func(events.Data) string
	// InStep lets the events of a group that are about different things be handled
	// at the same time in their one transaction: what they ask the database
	// travels together. A lock does not keep them from each other, for it is the
	// transaction's. So what they both touch must be guarded by the statement that
	// writes it (a state that it expects, a unique key); if that fails, the group is
	// taken apart and handled one by one.
	InStep bool
}

// Hears lists the types the function hears.
func (f Function) Hears() []events.Type {
	types := make([]events.Type, 0, len(f.Handlers))
	for _, h := range f.Handlers {
		types = append(types, h.hears)
	}
	return types
}

// Idempotent tells whether the function absorbs an event that comes twice: it
// has handlers, and each was made by Local, Batch, Together, Remote or Sink.
// Those claim before they act, or leave it to a unique key of the function's own.
func (f Function) Idempotent() bool {
	for _, h := range f.Handlers {
		if h.each == nil && h.batch == nil && h.remote == nil && h.sink == nil {
			return false
		}
	}
	return len(f.Handlers) > 0
}

// Source is the CloudEvents source of what the function says.
func (f Function) Source() string { return Source(f.Name) }

// Source is the CloudEvents source of what the named function says.
func Source(name string) string { return "/functions/" + name }

// Handler is what a function does on one type of event. Make one with Local,
// Batch, Remote or Sink, several with Together.
type Handler struct {
	hears  events.Type
	decode func([]byte) (events.Data, error)
	each   func(context.Context, Tx, *received) ([]events.Data, error)
	batch  func(context.Context, Tx, []*received) ([][]events.Data, error)
	remote *remote
	sink   func(context.Context, Tx, Letter) ([]events.Data, error)
	pairs  func(events.Data) []any // for the log; may be nil
	family events.Type             // of handlers that are applied together; empty for one alone
}

// LogWith has every line that is logged about an event of h carry pairs read
// from its payload, the kernel's own lines too. Ids only, as for WithLog.
func LogWith[D events.Data](h Handler, pairs func(D) []any) Handler {
	h.pairs = func(d events.Data) []any { return pairs(d.(D)) }
	return h
}

// Local makes a handler whose whole effect is in Postgres. What apply returns
// is said when, and only when, the transaction commits.
func Local[D events.Data](apply func(context.Context, Tx, In[D]) ([]events.Data, error)) Handler {
	return Handler{
		hears:  typeOf[D](),
		decode: decodeInto[D],
		each: func(ctx context.Context, tx Tx, r *received) ([]events.Data, error) {
			return apply(ctx, tx, in[D](r))
		},
	}
}

// Batch is Local for many events at once: apply sees every event of the group
// and returns what is said for each, in the same order. An error takes the
// group apart; apply is then called with one event at a time.
func Batch[D events.Data](apply func(context.Context, Tx, []In[D]) ([][]events.Data, error)) Handler {
	return Handler{hears: typeOf[D](), decode: decodeInto[D], batch: batch(apply)}
}

// batch is apply with its type erased.
func batch[D events.Data](apply func(context.Context, Tx, []In[D]) ([][]events.Data, error)) func(context.Context, Tx, []*received) ([][]events.Data, error) {
	return func(ctx context.Context, tx Tx, received []*received) ([][]events.Data, error) {
		ins := make([]In[D], len(received))
		for i, r := range received {
			ins[i] = in[D](r)
		}
		said, err := apply(ctx, tx, ins)
		if err == nil && len(said) != len(ins) {
			return nil, Permanent(fmt.Errorf("%d answers for %d events", len(said), len(ins)))
		}
		return said, err
	}
}

// Heard is one of the types that handlers made by Together hear; make it with
// Hear.
type Heard struct {
	hears  events.Type
	decode func([]byte) (events.Data, error)
}

// Hear names the type of D for Together.
func Hear[D events.Data]() Heard { return Heard{typeOf[D](), decodeInto[D]} }

// Together is Batch for several types: apply sees every event of the group,
// whatever its type, in the order in which they came. It is for work that locks
// what it touches in one order over all of them: one type after the other, two
// transactions could wait for each other in a circle.
func Together(apply func(context.Context, Tx, []In[events.Data]) ([][]events.Data, error), heard ...Heard) []Handler {
	shared := batch(apply)
	handlers := make([]Handler, len(heard))
	for i, h := range heard {
		handlers[i] = Handler{hears: h.hears, decode: h.decode, batch: shared, family: heard[0].hears}
	}
	return handlers
}

// Plan is what prepare of a Remote handler decides: to call, or that there is
// nothing to call.
type Plan[Q any] struct {
	request Q
	call    bool
	say     []events.Data
}

// Call plans the outside call with request q, which must hold the key that
// prepare stored, so that a retry sends the same bytes under the same key.
func Call[Q any](q Q) Plan[Q] { return Plan[Q]{request: q, call: true} }

// Done plans no call: the event is finished with what is said.
func Done[Q any](say ...events.Data) Plan[Q] { return Plan[Q]{say: say} }

// Remote makes a handler that speaks to an outside system.
//
// prepare runs in a transaction that claims the event: it moves the state and
// freezes the request with its key. call runs with no transaction open; a
// value says confirmed or refused, an error says unknown, and the same call is
// made again later. settle runs in a second transaction and records the
// outcome; it fails when another delivery took the claim over meanwhile. With
// Again it takes back what prepare wrote and has the event delivered again.
func Remote[D events.Data, Q, R any](
	prepare func(context.Context, Tx, In[D]) (Plan[Q], error),
	call func(context.Context, Q) (R, error),
	settle func(context.Context, Tx, In[D], Q, R) ([]events.Data, error),
) Handler {
	return Handler{
		hears:  typeOf[D](),
		decode: decodeInto[D],
		remote: &remote{
			prepare: func(ctx context.Context, tx Tx, r *received) (Plan[any], error) {
				plan, err := prepare(ctx, tx, in[D](r))
				return Plan[any]{request: plan.request, call: plan.call, say: plan.say}, err
			},
			call: func(ctx context.Context, q any) (any, error) { return call(ctx, q.(Q)) },
			settle: func(ctx context.Context, tx Tx, r *received, q, result any) ([]events.Data, error) {
				return settle(ctx, tx, in[D](r), q.(Q), result.(R))
			},
		},
	}
}

// remote is Remote with its types erased.
type remote struct {
	prepare func(context.Context, Tx, *received) (Plan[any], error)
	call    func(context.Context, any) (any, error)
	settle  func(context.Context, Tx, *received, any, any) ([]events.Data, error)
}

// Sink makes the handler of a function that takes every event, whatever its
// type, such as the dead-letter function. It claims nothing: a dead letter may
// come again after a replay and must be recorded again, so the function's own
// unique key absorbs duplicates.
func Sink(apply func(context.Context, Tx, Letter) ([]events.Data, error)) Handler {
	return Handler{sink: apply}
}

// Correlated says d under another journey than the cause's, as a sweep does
// that was woken by the clock and finds work of many journeys.
type Correlated struct {
	events.Data
	CorrelationID string
}

func typeOf[D events.Data]() events.Type {
	var zero D
	return zero.Type()
}

func in[D events.Data](r *received) In[D] {
	return In[D]{
		ID: r.id, Source: r.source, Subject: r.subject, CorrelationID: r.correlationID,
		Time: r.time, Data: r.data.(D),
	}
}
