package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fp"
	"quittance.dev/functions/signing"
)

// Options of a relay. Zero values mean the defaults.
type Options struct {
	BrokerURL   func(events.Broker) string // where a broker takes events
	ConsumerURL func(name string) string   // where a function takes events
	// Keys sign what goes to consumers that check signatures. An event that has
	// such a consumer and no key is not sent; it waits.
	Keys      *signing.Signer
	Client    *http.Client // default: http.Client without timeout; every post has its own
	Logger    *slog.Logger
	InFlight  int           // events posted to one broker at a time; default 128
	Again     int           // events redelivered to one consumer at a time; default 16
	Lease     time.Duration // default 10 s
	Sweep     time.Duration // default 1 s
	Timeout   time.Duration // of one post; over the broker's longest span of retries; default 90 s
	Drain     time.Duration // how long posts in flight may go on when Run is to end; default 10 s
	Failpoint fp.Hook
}

// Relay carries events. Make one with New and call Run.
type Relay struct {
	pool    *pgxpool.Pool
	o       Options
	metrics *metrics
	letters *delivery.Counters

	mu       sync.Mutex
	inFlight map[int64]events.Broker // claimed rows of the queue whose post has not ended
	posting  map[events.Broker]int   // how many of them each broker has
	again    map[string]int          // redeliveries whose post has not ended, by consumer
	sent     []int64                 // rows of the queue that the broker accepted, not yet marked
	wake     chan struct{}
	marking  chan struct{}
	posts    sync.WaitGroup
}

// New makes a relay on pool, whose connections have the relay's role.
func New(pool *pgxpool.Pool, o Options) *Relay {
	client := &http.Client{}
	if o.Client != nil {
		*client = *o.Client
	}
	// A redirected POST may become a GET, and its 200 would say that an event
	// was taken which was never sent.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = client
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.InFlight == 0 {
		o.InFlight = 128
	}
	if o.Again == 0 {
		o.Again = 16
	}
	if o.Lease == 0 {
		o.Lease = 10 * time.Second
	}
	if o.Sweep == 0 {
		o.Sweep = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 90 * time.Second
	}
	if o.Drain == 0 {
		o.Drain = 10 * time.Second
	}
	o.Logger = o.Logger.With("function", "relay")
	return &Relay{
		pool: pool, o: o, metrics: newMetrics(), letters: delivery.NewCounters(otel.GetMeterProvider()),
		inFlight: map[int64]events.Broker{}, posting: map[events.Broker]int{}, again: map[string]int{},
		wake: make(chan struct{}, 1), marking: make(chan struct{}, 1),
	}
}

// Run carries events until ctx ends. Then it claims no more, lets the posts in
// flight go on for Drain, with their claims held, and marks what was sent; what
// is not done by then is broken off and due again after a while.
func (r *Relay) Run(ctx context.Context) error {
	ctx = fp.With(ctx, r.o.Failpoint)
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var claiming, keeping sync.WaitGroup
	keeping.Go(func() { r.markLoop(working) })
	keeping.Go(func() { r.holdLoop(working) })
	claiming.Go(func() { r.listen(ctx) })
	claiming.Go(func() { r.claimLoop(ctx, working) })
	<-ctx.Done()
	claiming.Wait()
	drained := time.AfterFunc(r.o.Drain, stop)
	defer drained.Stop()
	r.posts.Wait()
	stop()
	keeping.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r.mark(ctx)
	return nil
}

// Wake makes the relay look now. The bell does it; in one process, so may the
// kernel's neighbour.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// listen hears the bell. When the connection breaks it dials again; meanwhile
// the sweep goes on.
func (r *Relay) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := func() error {
			pooled, err := r.pool.Acquire(ctx)
			if err != nil {
				return err
			}
			conn := pooled.Hijack() // a listening connection does not go back to the pool
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			if _, err := conn.Exec(ctx, "listen "+fn.Doorbell); err != nil {
				return err
			}
			for {
				r.Wake()
				if _, err := conn.WaitForNotification(ctx); err != nil {
					return err
				}
			}
		}()
		if ctx.Err() == nil {
			r.o.Logger.WarnContext(ctx, "bell lost", "error", err)
			pause(ctx, r.o.Sweep)
		}
	}
}

// pace is the least time between two looks: under load one look then takes many
// events, as cheaply as one.
const pace = 5 * time.Millisecond

// claimLoop claims what is due whenever there is room until ctx ends, and posts
// it under working. Events have a bell; redeliveries are due by the clock and
// looked for at every sweep. Each has room of its own: a broker that hangs does
// not keep redeliveries back, nor an outage that is over the events.
func (r *Relay) claimLoop(ctx, working context.Context) {
	var looked, swept time.Time // when events and redeliveries were last looked for
	for ctx.Err() == nil {
		if early := pace - time.Since(looked); early > 0 {
			pause(ctx, early) // the first bell after a silence is answered at once
		}
		looked = time.Now()
		more, err := r.claimEvents(ctx, working)
		if err == nil && time.Since(swept) >= r.o.Sweep {
			swept = time.Now()
			err = r.claimRedeliveries(ctx, working)
		}
		if err != nil && ctx.Err() == nil {
			r.o.Logger.WarnContext(ctx, "cannot claim", "error", err)
			pause(ctx, r.o.Sweep)
			continue
		}
		if more {
			continue
		}
		timer := time.NewTimer(max(r.o.Sweep-time.Since(swept), time.Millisecond))
		select {
		case <-r.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// claimEvents takes of each broker as many due events as there is room for and
// starts their posts. More may be due if it filled the room of one.
func (r *Relay) claimEvents(ctx, working context.Context) (more bool, err error) {
	room := map[events.Broker]int{}
	r.mu.Lock()
	for _, broker := range events.Brokers() {
		if n := r.o.InFlight - r.posting[broker]; n > 0 {
			room[broker] = n
		}
	}
	r.mu.Unlock()
	if len(room) == 0 {
		return false, nil // the next post that ends wakes us
	}
	unsent, err := delivery.ClaimUnsent(ctx, r.pool, room, r.o.Lease)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	for _, u := range unsent {
		r.inFlight[u.Seq] = u.Broker
		r.posting[u.Broker]++
		room[u.Broker]--
		more = more || room[u.Broker] == 0
	}
	r.mu.Unlock()
	for _, u := range unsent {
		r.posts.Go(func() { r.publish(working, u) })
	}
	return more, nil
}

// publish posts one event to its broker. Whatever fails, the row stays unsent
// and is due again after a while.
func (r *Relay) publish(working context.Context, u delivery.Unsent) {
	started := time.Now()
	status, _, err := r.post(working, u.Envelope, r.o.BrokerURL(u.Broker))
	// What became of it is recorded in any case, but not for ever.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(working), recordTimeout)
	defer cancel()
	accepted := err == nil && status/100 == 2
	r.metrics.published(ctx, string(u.Broker), accepted, time.Since(started), started.Sub(u.Time))
	log := r.o.Logger.With("event_id", u.ID, "event_type", string(u.Type), "correlation_id", u.CorrelationID, "broker", string(u.Broker))
	if accepted {
		log.DebugContext(ctx, "published", "attempts", u.Attempts, "duration_ms", time.Since(started).Milliseconds())
		r.finish(u, true)
		return
	}
	wait := backoff(u.Attempts)
	log.WarnContext(ctx, "not published", "status", status, "error", err, "attempts", u.Attempts, "wait", wait)
	if err := delivery.Postpone(ctx, r.pool, []int64{u.Seq}, wait); err != nil {
		log.WarnContext(ctx, "left to the lease", "error", err)
	}
	r.finish(u, false)
}

// finish gives an event's place free and hands it to the marker if it was sent.
// Only a place that was missing is worth a look for more: new events ring.
func (r *Relay) finish(u delivery.Unsent, sent bool) {
	r.mu.Lock()
	full := r.posting[u.Broker] >= r.o.InFlight
	delete(r.inFlight, u.Seq)
	r.posting[u.Broker]--
	if sent {
		r.sent = append(r.sent, u.Seq)
	}
	r.mu.Unlock()
	select {
	case r.marking <- struct{}{}:
	default:
	}
	if full {
		r.Wake()
	}
}

// post sends e and returns the status, with the body of a refusal. A failpoint
// before it or after it leaves the row unsent.
func (r *Relay) post(ctx context.Context, e fn.Envelope, url string) (status int, body string, err error) {
	if err := fp.Hit(ctx, "relay.before-publish"); err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	if e, err = e.Signed(r.o.Keys); err != nil {
		return 0, "", err
	}
	request, err := e.Request(ctx, url)
	if err != nil {
		return 0, "", err
	}
	response, err := r.o.Client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return 0, "", fmt.Errorf("read answer: %w", err)
	}
	return response.StatusCode, string(text), fp.Hit(ctx, "relay.after-publish")
}

// backoff is how long an unsent event rests after its n-th attempt: half a
// second doubling to a minute, with jitter, so that a broker that comes back is
// not met by everything at once.
func backoff(attempts int) time.Duration {
	wait := min(500*time.Millisecond<<min(max(attempts-1, 0), 7), time.Minute)
	return wait/2 + rand.N(wait)
}

// recordTimeout bounds the statement that records what became of a post.
const recordTimeout = 5 * time.Second

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
