package fn

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Doorbell is the Postgres channel on which the relay is woken after a commit
// with new events. It carries nothing: the queue is the truth, and a relay that
// hears no bell looks by itself.
const Doorbell = "quittance_outbox"

// bellPause is how long the bell rests after it has rung; one ring stands for
// all commits of that time.
const bellPause = 2 * time.Millisecond

// bell wakes the relay. It rings after the commit, not in the transaction:
// Postgres lets only one transaction that notifies commit at a time, in the
// whole server, and holds the next one back until the first is on the disk.
type bell struct {
	pool    *pgxpool.Pool
	direct  func() // instead of NOTIFY, when the relay is in this process
	work    *sync.WaitGroup
	mu      sync.Mutex
	ringing bool
	again   bool
}

// ring has the relay woken soon. It does not wait.
func (b *bell) ring(ctx context.Context) {
	if b.direct != nil {
		b.direct()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.again = true
	if !b.ringing {
		b.ringing = true
		b.work.Go(func() { b.loop(ctx) })
	}
}

func (b *bell) loop(ctx context.Context) {
	for b.wanted() {
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		// A ring that is lost costs the relay's pause between two looks.
		_, _ = b.pool.Exec(bounded, "notify "+Doorbell)
		cancel()
		pause(ctx, bellPause)
	}
}

// pause lasts d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// wanted tells whether to ring, and if not, that nobody is ringing any more.
func (b *bell) wanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ringing = b.again
	b.again = false
	return b.ringing
}
