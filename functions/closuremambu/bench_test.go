package closuremambu_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/closuremambu"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

// bench is the room on a database of its own, in its own role, with Mambu's
// emulator behind the real client.
type bench struct {
	*testing.T
	door   *fntest.Door
	owner  *pgxpool.Pool
	out    *closuretest.Outside
	scrape closuretest.Scrape
	log    *closuretest.Log
}

func newBench(t *testing.T, o fn.Options) *bench {
	db := pgtest.New(t)
	b := &bench{T: t, owner: db.Pool(""), log: new(closuretest.Log)}
	b.out = closuretest.NewOutside(t, b.log.Logger())
	count, scrape := closuretest.NewCounters(t)
	b.scrape = scrape
	o.Logger = b.log.Logger()
	b.door = fntest.Open(t, closuremambu.New(b.out.MambuClient, count), db.Pool("quittance_closure_mambu"), o)
	return b
}

// account makes an account in the ledger and, open and empty, outside.
func (b *bench) account(status string, balanceMinor int64) string {
	b.Helper()
	id := closuretest.Account(b, b.owner, status, balanceMinor)
	b.out.Put(b, id)
	return id
}

// started makes an account whose closure has started, and gives the event that
// says so.
func (b *bench) started() (accountID string, event fn.Envelope) {
	b.Helper()
	accountID = b.account("closing", 0)
	b.deliver(http.StatusOK, fntest.Event(events.AccountCloseRequested{AccountID: accountID}))
	said := closuretest.Said(b, b.owner, events.TypeClosureStarted)
	return accountID, said[len(said)-1]
}

// emptied is what the ledger says of a withdrawal that left nothing.
func emptied(accountID string) events.WithdrawalCompleted {
	return events.WithdrawalCompleted{
		OperationID: uuid.NewString(), AccountID: accountID, AmountMinor: 1000, Currency: "EUR", AccountSeq: 2, Closing: true,
	}
}

func (b *bench) deliver(want int, e fn.Envelope) {
	b.Helper()
	status, body := b.door.Post(b, e)
	require.Equal(b, want, status, body)
}

// atOnce delivers twenty copies together and gives how often each status came
// back.
func (b *bench) atOnce(e fn.Envelope) map[int]int {
	b.Helper()
	gate, statuses := make(chan struct{}), make(chan int, 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			<-gate
			status, _ := b.door.Post(b, e)
			statuses <- status
		})
	}
	close(gate)
	wg.Wait()
	close(statuses)
	got := map[int]int{}
	for status := range statuses {
		got[status]++
	}
	return got
}

// as changes a table as its owner, as a person with the right to would.
func (b *bench) as(sql string, args ...any) {
	b.Helper()
	_, err := b.owner.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

func count(b *bench, sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.owner.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}
