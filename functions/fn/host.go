package fn

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"

	"quittance.dev/events"
	"quittance.dev/functions/fp"
	"quittance.dev/functions/signing"
)

// Options of a Host. The zero value of each field means its default.
type Options struct {
	Logger *slog.Logger // default slog.Default
	// Deadline bounds one delivery; it must be under the Trigger's timeout, so
	// that the answer comes before the broker gives up. Default 8 s.
	Deadline time.Duration
	// Lease is how long a Remote holds its claim; a crashed delivery is taken
	// over after it. It must be over Deadline, so that a claim outlives the
	// call it stands for, and the Trigger's retries must outlast it. Default
	// 10 s.
	Lease time.Duration
	// GroupSize bounds how many events share a transaction. Default 128.
	GroupSize int
	// Ring wakes a relay in the same process after a commit with new events. By
	// default one in another process is woken through Postgres (Doorbell).
	Ring func()
	// Keys check that an event is the bank's own, for the functions that handle
	// no others (events.Verifying); without keys these answer 503 to everything.
	Keys *signing.Ring
	// Failpoint is asked at every failpoint; nil in production.
	Failpoint fp.Hook
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Deadline == 0 {
		o.Deadline = 8 * time.Second
	}
	if o.Lease == 0 {
		o.Lease = o.Deadline + 2*time.Second
	}
	if o.GroupSize == 0 {
		o.GroupSize = 128
	}
	return o
}

// Host runs one function: its HTTP door, its group of transactions, its pool.
type Host struct {
	function       Function
	pool           *pgxpool.Pool
	options        Options
	logger         *slog.Logger
	metrics        *metrics
	lanes          []*group
	inTransactions atomic.Int32 // lanes that have a transaction open
	bell           *bell
	work           sync.WaitGroup  // group loops and rings in flight
	base           context.Context // of work that outlives its request
	stop           context.CancelFunc
}

// NewHost makes a host for f on pool, whose connections have f's role. Close
// it when the HTTP server has stopped.
func NewHost(f Function, pool *pgxpool.Pool, o Options) *Host {
	o = o.withDefaults()
	logger := o.Logger.With("function", f.Name)
	base, stop := context.WithCancel(withLogger(fp.With(context.Background(), o.Failpoint), logger))
	h := &Host{
		function: f, pool: pool, options: o,
		logger:  logger,
		metrics: newMetrics(f.Name), base: base, stop: stop,
	}
	h.bell = &bell{pool: pool, direct: o.Ring, work: &h.work}
	for range max(f.Lanes, 1) {
		h.lanes = append(h.lanes, newGroup(h))
	}
	return h
}

// laneOf is the lane of an event: always the same one, so that two deliveries of
// it meet there.
func (h *Host) laneOf(data events.Data) *group { return h.lane(h.aboutWhat(data)) }

// aboutWhat names what an event is about; see Function.LaneBy.
func (h *Host) aboutWhat(data events.Data) string {
	if h.function.LaneBy != nil {
		return h.function.LaneBy(data)
	}
	return data.PartitionKey()
}

func (h *Host) lane(key string) *group {
	if len(h.lanes) == 1 {
		return h.lanes[0]
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // never fails
	return h.lanes[hash.Sum32()%uint32(len(h.lanes))]
}

// Close waits for transactions in flight.
func (h *Host) Close() {
	h.work.Wait()
	h.stop()
}

// Function is what the host runs.
func (h *Host) Function() Function { return h.function }

// Pool is the host's pool, for reads outside the kernel's transactions.
func (h *Host) Pool() *pgxpool.Pool { return h.pool }

// ServeHTTP is the door: a POST carries one CloudEvent; GET /healthz answers
// 200 when the process lives, GET /readyz when the database answers too.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		h.health(w, r)
		return
	}
	started := time.Now()
	ctx, cancel := context.WithTimeout(withLogger(fp.With(r.Context(), h.options.Failpoint), h.logger), h.options.Deadline)
	defer cancel()
	eventType, said, err := h.accept(ctx, w, r.WithContext(ctx))
	answer := answerTo(err)
	h.metrics.delivery(ctx, eventType, answer, time.Since(started))
	h.reply(w, r, answer, said, err)
}

// accept reads the event from the request and delivers it.
func (h *Host) accept(ctx context.Context, w http.ResponseWriter, r *http.Request) (eventType string, said []Envelope, err error) {
	eventType = "unknown"
	defer h.contain(ctx, &err) // while the payload is decoded and validated
	read := readEvent
	sink := h.function.sink()
	if sink != nil {
		read = readLetter
	}
	event, err := read(w, r)
	if err != nil {
		h.logger.WarnContext(ctx, "refused at the door", "error", err)
		return eventType, nil, err
	}
	if sink != nil {
		return "any", nil, h.sinkEvent(ctx, r.URL.Path, event, sink)
	}
	received, err := h.receive(event)
	if err != nil {
		if answerTo(err) == Unauthorized {
			h.metrics.alarm(ctx, "unauthorized")
		}
		h.logger.WarnContext(ctx, "refused at the door", "id", event.ID(), "type", event.Type(), "source", event.Source(), "error", err)
		return eventType, nil, err
	}
	said, err = h.take(ctx, r, received)
	return string(received.eventType), said, err
}

// take delivers an event that came with request r.
func (h *Host) take(ctx context.Context, r *http.Request, received *received) (said []Envelope, err error) {
	ctx, span := h.span(ctx, r, received)
	defer func() { endSpan(span, err) }()
	defer h.contain(ctx, &err) // in pairs; the function's other code is guarded where it runs
	ctx = WithLog(ctx, "correlation_id", received.correlationID, "event_id", received.id, "event_type", string(received.eventType))
	if pairs := received.handler.pairs; pairs != nil {
		ctx = WithLog(ctx, pairs(received.data)...)
	}
	received.log = LogPairs(ctx)
	return h.deliver(ctx, received, wantsRepresentation(r))
}

// deliver handles one event that passed the door.
func (h *Host) deliver(ctx context.Context, r *received, represent bool) (said []Envelope, err error) {
	started := time.Now()
	if r.handler.remote != nil {
		said, err = h.deliverRemote(ctx, r)
	} else {
		res := h.laneOf(r.data).do(&unit{
			ctx:   ctx,
			claim: claim{kind: claimDone, r: r},
			cause: r.cause(ctx),
		})
		said, err = res.said, res.err
	}
	switch {
	case errors.Is(err, errDone):
		h.note(ctx, slog.LevelDebug, "handled before")
		if represent {
			return h.saidBefore(ctx, r)
		}
		return nil, nil
	case errors.Is(err, errDeferred): // not handled, but the broker need not come again
		return nil, nil
	case err != nil:
		h.fail(ctx, r, err)
		return nil, err
	}
	h.note(ctx, slog.LevelInfo, "handled", "said", typesOf(said), "duration_ms", time.Since(started).Milliseconds())
	return said, fp.Hit(ctx, h.function.Name+".before-reply")
}

func (r *received) cause(ctx context.Context) cause {
	return cause{source: r.source, id: r.id, correlationID: r.correlationID, traceParent: traceParent(ctx, r.traceParent)}
}

// Transact runs work of the function's own API in the group: its effect and
// what it says commit together. id names the command: the same id says events
// with the same ids. Unlike a delivery it claims nothing; the work itself must
// be idempotent by a unique key.
func (h *Host) Transact(ctx context.Context, id, correlationID string, work func(context.Context, Tx) ([]events.Data, error)) ([]Envelope, error) {
	ctx, cancel := context.WithTimeout(fp.With(ctx, h.options.Failpoint), h.options.Deadline)
	defer cancel()
	r := h.lane(id).do(&unit{
		ctx:   ctx,
		cause: cause{source: h.function.Source(), id: id, correlationID: correlationID, traceParent: traceParent(ctx, "")},
		run:   work,
	})
	if r.err != nil {
		return nil, r.err
	}
	return r.said, fp.Hit(ctx, h.function.Name+".before-reply")
}

func (h *Host) health(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
	case "/readyz":
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := h.pool.Ping(ctx); err != nil {
			http.Error(w, "no database", http.StatusServiceUnavailable)
			return
		}
	default:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "events are POSTed", http.StatusMethodNotAllowed)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// wantsRepresentation: a caller that posts directly may ask for the resulting
// event (RFC 7240).
func wantsRepresentation(r *http.Request) bool {
	for _, prefer := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(prefer, ",") {
			if strings.TrimSpace(part) == "return=representation" {
				return true
			}
		}
	}
	return false
}

// reply writes the answer: an empty body on success, unless the caller asked
// for the event; a short reason otherwise.
func (h *Host) reply(w http.ResponseWriter, r *http.Request, answer Answer, said []Envelope, err error) {
	if answer == Handled && len(said) > 0 && wantsRepresentation(r) {
		// Of several the first by type, which is the same for a repeated delivery.
		result := slices.MinFunc(said, func(a, b Envelope) int {
			return cmp.Or(strings.Compare(string(a.Type), string(b.Type)), strings.Compare(a.ID, b.ID))
		})
		w.Header().Set("Preference-Applied", "return=representation")
		result.header(w.Header())
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(result.Data) // the caller has left; the work is done all the same
		return
	}
	if answer == Handled {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if answer == WrongMethod {
		w.Header().Set("Allow", http.MethodPost)
	}
	if answer == Unknown || answer == InFlight {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(int(answer))
	_, _ = w.Write([]byte(reasonOf(err)))
}

func typesOf(said []Envelope) []string {
	types := make([]string, len(said))
	for i, s := range said {
		types[i] = string(s.Type)
	}
	return types
}

func attributes(pairs ...string) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, attribute.String(pairs[i], pairs[i+1]))
	}
	return out
}
