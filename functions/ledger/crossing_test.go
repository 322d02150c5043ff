package ledger_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/ledger"
)

// TestCrossedBatchesNeverDeadlock posts batches over the same accounts from two
// pools, each batch in an order of its own. Accounts are locked in one order,
// so that whoever comes second waits and is asked to run again (40001), but
// nobody waits in a circle (40P01).
func TestCrossedBatchesNeverDeadlock(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	ids := make([]string, 8)
	for i := range ids {
		ids[i] = b.account(events.Current, "EUR")
	}
	pools := make([]*pgxpool.Pool, 2)
	for i := range pools {
		config := b.db.Config("") // only a superuser may look for deadlocks so soon
		config.ConnConfig.RuntimeParams["deadlock_timeout"] = "20ms"
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		pools[i] = pool
	}
	const workers, rounds = 6, 15
	var again atomic.Int64
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range rounds {
				postings := make([]ledger.Posting, 0, len(ids))
				for _, i := range random.Perm(len(ids)) {
					postings = append(postings, deposit(ids[i], 1))
				}
				for {
					_, err := post(pools[worker%2], postings...)
					if err == nil {
						break
					}
					if code(err) != "40001" {
						t.Errorf("not a serialization failure: %v", err)
						return
					}
					again.Add(1)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.EqualValues(t, workers*rounds, b.find(id).BalanceMinor)
	}
	require.NotZero(t, again.Load(), "nobody met anybody")
	t.Logf("%d transactions ran again", again.Load())
}

// TestB03_WhoPostsCannotChangeWhatIsPosted: by grants as the role, by triggers
// as the owner of everything (the schema's own tests break each alone).
func TestB03_WhoPostsCannotChangeWhatIsPosted(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	b.post(deposit(id, 5))
	before := b.everything()
	_, err := b.owner.Exec(context.Background(), `delete from ledger.entry`)
	require.Equal(t, "55000", code(err), "entries are what the journals say")
	for _, sql := range []string{
		`update ledger.account set balance_minor = 1000`, `update ledger.account set seq = 0`, `update ledger.account set status = 'open'`,
	} {
		_, err := b.pool.Exec(context.Background(), sql)
		require.Equal(t, "42501", code(err), sql)
	}
	for _, sql := range []string{`update ledger.journal set kind = kind`, `delete from ledger.journal`, `truncate ledger.journal cascade`} {
		_, err := b.pool.Exec(context.Background(), sql)
		require.Equal(t, "42501", code(err), sql)
		_, err = b.owner.Exec(context.Background(), sql)
		require.Equal(t, "23000", code(err), sql)
	}
	require.Equal(t, before, b.everything())
}
