package fn

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
)

// DecodeDeposit is decodeInto for one payload, for the fuzzer.
var DecodeDeposit = decodeInto[events.DepositRequested]

// LaneOf numbers the lanes of h.
func LaneOf(h *Host, key string) int {
	for i, lane := range h.lanes {
		if lane == h.lane(key) {
			return i
		}
	}
	return -1
}

// Lane is one lane of a function, of which last units shared the last
// transaction; that took so long and ended just now.
type Lane struct{ g *group }

// NewLane makes one of so many.
func NewLane(lanes, last int, took time.Duration) Lane {
	g := newGroup(&Host{function: Function{Lanes: lanes}, options: Options{}.withDefaults(), base: context.Background()})
	g.running = true // nobody commits
	g.last = past{units: last, took: took, ended: time.Now()}
	return Lane{g}
}

// Join has n units wait.
func (l Lane) Join(n int) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for range n {
		l.g.do(&unit{ctx: over})
	}
}

// Gather lets it gather while so many other lanes have a transaction open.
func (l Lane) Gather(others int) {
	l.g.host.inTransactions.Store(int32(others))
	l.g.gather()
}

// Bell is a bell without a host.
type Bell struct{ bell bell }

// NewBell makes one that rings through Postgres.
func NewBell(pool *pgxpool.Pool) *Bell {
	return &Bell{bell{pool: pool, work: &sync.WaitGroup{}}}
}

// Ring is what the host does after a commit.
func (b *Bell) Ring(ctx context.Context) { b.bell.ring(ctx) }

// Wait waits until it is silent.
func (b *Bell) Wait() { b.bell.work.Wait() }
