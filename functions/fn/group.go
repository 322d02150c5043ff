package fn

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quittance.dev/events"
	"quittance.dev/functions/fp"
)

// unit is one piece of work that commits with others: a local event, one half
// of a remote one, or a command from the function's own API.
type unit struct {
	ctx   context.Context // of whoever waits; the work itself has the group's
	claim claim
	cause cause
	// run does the work of one unit; a unit without it is its handler's.
	run func(context.Context, Tx) ([]events.Data, error)
	// finish tells, after run, whether a leased claim is to be made done in
	// this transaction after all, because there is nothing to call.
	finish func() bool
	result chan result
}

// result is what became of a unit.
type result struct {
	said     []Envelope
	fence    int64
	attempts int
	err      error
}

// errDone is the verdict on an event that was handled before.
var errDone = errors.New("done before")

// serializationTries bounds how often a transaction is tried that the database
// asked to be tried again (40001, 40P01).
const serializationTries = 5

// group gathers units that arrive while a transaction is in flight and commits
// them together in the next one. It holds no goroutine while idle.
type group struct {
	host    *Host
	mu      sync.Mutex
	waiting []*unit
	running bool
	last    past
	wanted  int           // units that the loop lingers for; 0 while it does not
	came    chan struct{} // tells it that they are there
}

func newGroup(h *Host) *group { return &group{host: h, came: make(chan struct{}, 1)} }

// do hands u to the group and waits for its result, or for u's context. When
// the context ends first the work may still be done: the idempotency row tells.
func (g *group) do(u *unit) result {
	u.result = make(chan result, 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, u)
	if g.wanted > 0 && len(g.waiting) >= g.wanted {
		select {
		case g.came <- struct{}{}:
		default:
		}
	}
	if !g.running {
		g.running = true
		g.host.work.Add(1)
		go g.loop()
	}
	g.mu.Unlock()
	select {
	case r := <-u.result:
		return r
	case <-u.ctx.Done():
		return result{err: u.ctx.Err()}
	}
}

func (g *group) loop() {
	defer g.host.work.Done()
	for {
		g.gather()
		g.mu.Lock()
		if len(g.waiting) == 0 {
			g.running = false
			g.mu.Unlock()
			return
		}
		n := min(len(g.waiting), g.host.options.GroupSize)
		units := g.waiting[:n:n]
		g.waiting = append([]*unit(nil), g.waiting[n:]...)
		g.mu.Unlock()
		began := time.Now()
		g.commit(units)
		g.last = past{units: n, took: time.Since(began), ended: time.Now()}
	}
}

// gather lets units come along before the next transaction: a larger group costs
// each of its units less. The goroutines that are ready to run bring theirs at
// once. While another lane keeps the database busy, waiting a moment for more
// costs nothing. A lane that is the only one lingers when many are under way.
func (g *group) gather() {
	lingered := g.host.function.Lanes > 1
	for pauses, before := 0, -1; ; {
		n := g.size()
		switch {
		case n >= g.enough():
			return
		case n != before:
			runtime.Gosched()
		case n > 0 && pauses < gatherPauses && g.host.inTransactions.Load() > 0:
			pauses++
			pause(g.host.base, gatherPause)
		case n > 0 && !lingered:
			lingered = true
			g.linger()
		default:
			return
		}
		before = n
	}
}

const (
	gatherShare  = 5 // of the largest group is worth no more waiting
	gatherPauses = 25
	gatherPause  = 100 * time.Microsecond
	lingerAtMost = 20 * time.Millisecond
)

// enough is how many units are worth no more waiting.
func (g *group) enough() int { return max(g.host.options.GroupSize/gatherShare, 1) }

// past is a transaction that has ended.
type past struct {
	units int
	took  time.Duration
	ended time.Time
}

// linger waits for as many units as the last transaction had, if those were
// several and it has just ended, and for no longer than it took: the busier the
// database, the more there is to gain. What comes alone does not wait.
func (g *group) linger() {
	if g.last.units < 2 || time.Since(g.last.ended) > lingerAtMost {
		return
	}
	select {
	case <-g.came: // when nobody waited
	default:
	}
	if !g.waitFor(min(g.last.units, g.enough())) {
		return
	}
	timer := time.NewTimer(min(g.last.took, lingerAtMost))
	defer timer.Stop()
	select {
	case <-g.came:
	case <-timer.C:
	case <-g.host.base.Done():
	}
	g.waitFor(0)
}

// waitFor has came told of the unit that makes it n; false if there are so many.
func (g *group) waitFor(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted = n
	return len(g.waiting) < n
}

func (g *group) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// commit handles units together; if that fails, one by one. A key occurs once
// per transaction: a copy that arrived in the same moment is answered after
// the first.
func (g *group) commit(units []*unit) {
	live, copies := make([]*unit, 0, len(units)), []*unit(nil)
	seen := map[string]bool{}
	for _, u := range units {
		if u.ctx.Err() != nil {
			u.result <- result{err: u.ctx.Err()}
			continue
		}
		if u.claim.r != nil {
			if seen[u.claim.r.key()] {
				copies = append(copies, u)
				continue
			}
			seen[u.claim.r.key()] = true
		}
		live = append(live, u)
	}
	if len(live) > 0 {
		g.host.metrics.group(len(live))
		g.together(live)
	}
	for _, u := range copies {
		g.together([]*unit{u})
	}
}

func (g *group) together(units []*unit) {
	if len(units) == 1 && units[0].ctx.Err() != nil { // it waited for others, and its caller has left
		units[0].result <- result{err: units[0].ctx.Err()}
		return
	}
	g.host.inTransactions.Add(1)
	results, err := g.transact(units)
	g.host.inTransactions.Add(-1)
	if err != nil && len(units) > 1 {
		for _, u := range units {
			g.together([]*unit{u})
		}
		return
	}
	for i, u := range units {
		if err != nil {
			u.result <- result{err: err}
			continue
		}
		u.result <- results[i]
	}
}

// transact runs one transaction over units, again when the database asks for
// it.
func (g *group) transact(units []*unit) (results []result, err error) {
	h := g.host
	ctx, cancel := context.WithTimeout(h.base, h.options.Deadline)
	defer cancel()
	for try := 1; ; try++ {
		results, err = g.once(ctx, units)
		if !wantsRetry(err) || try == serializationTries {
			return results, err
		}
		h.metrics.retry(ctx)
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(try) * int64(10*time.Millisecond)))):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// wantsRetry knows the two errors after which Postgres asks to run the whole
// transaction again: serialization failure and deadlock. They never mean that
// a rule refused something.
func wantsRetry(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "40001" || pgErr.Code == "40P01")
}

func (g *group) once(ctx context.Context, units []*unit) (results []result, err error) {
	h := g.host
	defer h.contain(ctx, &err)
	var after []func()
	results, err = h.inTransaction(ctx, units, func(tx Tx, verdicts []error) ([]result, error) {
		tx.after = &after
		return g.work(ctx, tx, units, verdicts)
	})
	if err != nil {
		return nil, err
	}
	for _, f := range after {
		f()
	}
	if err := fp.Hit(ctx, h.function.Name+".after-commit"); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(results, func(r result) bool { return len(r.said) > 0 }) {
		h.bell.ring(h.base)
	}
	return results, nil
}

// work runs the function's code for the units that hold their claims and
// stamps what it says.
func (g *group) work(ctx context.Context, tx Tx, units []*unit, verdicts []error) ([]result, error) {
	h := g.host
	said, err := g.apply(ctx, tx, units, verdicts)
	if err != nil {
		return nil, err
	}
	results := make([]result, len(units))
	var finished []*claim
	for i, u := range units {
		results[i] = result{fence: u.claim.fence, attempts: u.claim.attempts, err: verdicts[i]}
		if verdicts[i] != nil {
			continue
		}
		if u.finish != nil && u.finish() {
			finished = append(finished, &u.claim)
		}
		if results[i].said, err = h.stamp(tx, u.cause, said[i]); err != nil {
			return nil, err
		}
	}
	return results, h.finishClaims(ctx, tx, finished)
}

// apply runs the function's own code for every unit that holds its claim:
// batch handlers once over all their units, those of one family over all units
// of the family, the others unit by unit (see eachUnit).
func (g *group) apply(ctx context.Context, tx Tx, units []*unit, verdicts []error) ([][]events.Data, error) {
	said := make([][]events.Data, len(units))
	batches := map[events.Type][]int{}
	var order []events.Type
	var single []int
	for i, u := range units {
		switch {
		case verdicts[i] != nil:
		case u.run != nil || u.claim.r.handler.each != nil:
			single = append(single, i)
		default:
			t := cmp.Or(u.claim.r.handler.family, u.claim.r.eventType)
			if batches[t] == nil {
				order = append(order, t)
			}
			batches[t] = append(batches[t], i)
		}
	}
	if err := g.eachUnit(ctx, tx, units, single, said); err != nil {
		return nil, err
	}
	for _, t := range order {
		members := batches[t]
		in := make([]*received, len(members))
		for n, i := range members {
			in[n] = units[i].claim.r
		}
		out, err := in[0].handler.batch(ctx, tx, in)
		if err != nil {
			return nil, err
		}
		for n, i := range members {
			said[i] = out[n]
		}
	}
	return said, nil
}

// eachUnit runs the units of single, and notes in said what each says: one after
// the other, or if the function allows it, in step with those about something
// else. What is about nothing in particular, a command or a tick, follows alone.
func (g *group) eachUnit(ctx context.Context, tx Tx, units []*unit, single []int, said [][]events.Data) error {
	work := func(tx Tx, members []int) (err error) {
		for _, i := range members {
			if said[i], err = units[i].work(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
	if !g.host.function.InStep || len(single) < 2 {
		return work(tx, single)
	}
	place := map[string]int{}
	var about [][]int
	var alone []int
	for _, i := range single {
		key := ""
		if r := units[i].claim.r; r != nil {
			key = g.host.aboutWhat(r.data)
		}
		if key == "" {
			alone = append(alone, i)
			continue
		}
		n, ok := place[key]
		if !ok {
			n = len(about)
			place[key], about = n, append(about, nil)
		}
		about[n] = append(about[n], i)
	}
	tasks := make([]func(Tx) error, len(about))
	for n, members := range about {
		tasks[n] = func(tx Tx) error { return work(tx, members) }
	}
	if err := inStep(ctx, tx, tasks); err != nil {
		return err
	}
	return work(tx, alone)
}

// work runs a unit that is not part of a batch.
func (u *unit) work(ctx context.Context, tx Tx) ([]events.Data, error) {
	if u.run != nil {
		return u.run(WithLog(ctx, LogPairs(u.ctx)...), tx)
	}
	r := u.claim.r
	return r.handler.each(WithLog(ctx, r.log...), tx, r)
}
