package ledgerposting_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgtest"
)

// TestAGroupLocksItsAccountsInOneOrder: what deposits, withdrawals and invoices
// of one transaction touch is locked in one order, whatever their types. In
// three orders, one after the other, two replicas would wait for each other in a
// circle until Postgres ends one of them, after a second.
//
// The test holds the lowest account and has a group ask for it and for a higher
// one, the higher one first: while the group waits, the higher one is still free.
func TestAGroupLocksItsAccountsInOneOrder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	owner := db.Pool("")
	ids := []string{account(t, owner, events.Current), account(t, owner, events.Current)}
	slices.Sort(ids)
	low, high := ids[0], ids[1]

	// The group takes what arrives while another transaction is at its end.
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	function := ledgerposting.New()
	function.Lanes = 1 // whatever the accounts are
	host := fn.NewHost(function, db.Pool(role), fn.Options{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Keys: fntest.Keys.Ring("ledger-posting"),
		Failpoint: func(point string) error {
			if strings.HasSuffix(point, ".before-commit") {
				once.Do(func() { close(held); <-release })
			}
			return nil
		},
	})
	arrived := make(chan struct{}, 1000) // deliveries, repeated ones too
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		host.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.Close(); host.Close() })
	door := &fntest.Door{URL: server.URL, Host: host}

	var wg sync.WaitGroup
	send := func(data events.Data) {
		wg.Go(func() { settle(t, door, fntest.Event(data)) })
		<-arrived
	}
	first := deposit(high, 100)
	send(first)
	<-held
	tx, err := owner.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `select from ledger.account where id = $1 for update`, low)
	require.NoError(t, err)
	for range 10 { // many, so that the group has both types for certain, this one first
		send(withdrawal(high, 1))
	}
	for range 10 {
		send(deposit(low, 1))
	}
	close(release)
	require.Eventually(t, func() bool {
		return one[bool](t, owner, `select exists (select from pg_stat_activity where datname = current_database() and usename = $1 and wait_event_type = 'Lock')`, role)
	}, 20*time.Second, time.Millisecond, "the group asks for the account that is held")
	require.NoError(t, pgx.BeginFunc(ctx, owner, func(other pgx.Tx) error {
		_, err := other.Exec(ctx, `select from ledger.account where id = $1 for update nowait`, high)
		return err
	}), "the group holds the higher account and waits for the lower one")
	require.NoError(t, tx.Rollback(ctx))
	wg.Wait()
	require.Equal(t, 2, one[int](t, owner, `
		select max(kinds) from (select count(distinct kind) kinds from ledger.journal group by posted_at) g`), "no group had both types")
	require.EqualValues(t, 90, one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, high))
	require.EqualValues(t, 10, one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, low))
}
