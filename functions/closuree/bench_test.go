package closuree_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/closuree"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

// bench is the room on a database of its own, in its own role, with E's
// emulator behind the real client.
type bench struct {
	*testing.T
	door   *fntest.Door
	owner  *pgxpool.Pool
	out    *closuretest.Outside
	scrape closuretest.Scrape
	log    *closuretest.Log
}

func newBench(t *testing.T) *bench {
	db := pgtest.New(t)
	b := &bench{T: t, owner: db.Pool(""), log: new(closuretest.Log)}
	b.out = closuretest.NewOutside(t, b.log.Logger())
	count, scrape := closuretest.NewCounters(t)
	b.scrape = scrape
	b.door = fntest.Open(t, closuree.New(b.out.EClient, count), db.Pool("quittance_closure_e"), fn.Options{Logger: b.log.Logger()})
	return b
}

// closedInMambu makes a frozen account whose closure Mambu has confirmed, and
// the event that says so.
func (b *bench) closedInMambu() (accountID string, event fn.Envelope) {
	b.Helper()
	accountID = b.starting()
	b.as(`update closure.account_closure set state = 'MAMBU_CLOSED', mambu_closed_at = now() where account_id = $1`, accountID)
	return accountID, fntest.Event(events.ClosureMambuClosed{ClosureID: closure.ID(accountID), AccountID: accountID})
}

// starting makes a frozen account whose closure Mambu is being asked for.
func (b *bench) starting() string {
	b.Helper()
	accountID := closuretest.Account(b, b.owner, "closing", 0)
	b.out.Put(b, accountID)
	b.as(`insert into closure.account_closure (account_id, closure_id, notes) values ($1, $2, 'a test')`, accountID, closure.ID(accountID))
	b.as(`update closure.account_closure set state = 'CLOSING_MAMBU' where account_id = $1`, accountID)
	return accountID
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

func (b *bench) ledgerStatus(accountID string) (status string) {
	b.Helper()
	require.NoError(b, b.owner.QueryRow(context.Background(), `
		select status from ledger.account where id = $1 and (status = 'closed') = (closed_at is not null)`, accountID).Scan(&status))
	return status
}

func (b *bench) attempts() int { return len(closuretest.Attempts(b.out.E.Book().Attempts, "close")) }

func ok(n int) map[int]int { return map[int]int{http.StatusOK: n} }
