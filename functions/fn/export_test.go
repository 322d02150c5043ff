package fn

import (
	"context"
	"sync"

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

// Gather lets a lane with so many units, whose last transaction had last of them,
// gather more while so many other lanes have a transaction open.
func Gather(lanes, waiting, others, last int) {
	g := newGroup(&Host{function: Function{Lanes: lanes}, options: Options{}.withDefaults(), base: context.Background()})
	g.waiting, g.last = make([]*unit, waiting), last
	g.host.inTransactions.Store(int32(others))
	g.gather()
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
