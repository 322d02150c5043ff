package ledgerposting_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/pgtest"
)

// traffic is two hundred events on twenty accounts, each with enough money that
// every order of them has the same end.
func traffic() (accounts []string, opening, rest []fn.Envelope) {
	id := func(parts ...any) string { return fn.DeriveID("crash", fmt.Sprint(parts...)) }
	event := func(n int, data events.Data) fn.Envelope { return fntest.As(id("event", n), data) }
	for a := range 20 {
		accounts = append(accounts, id("account", a))
		opening = append(opening, event(1000+a, events.DepositRequested{OperationID: id("opening", a), AccountID: accounts[a], AmountMinor: 100_000, Currency: "EUR"}))
	}
	for n := range 200 {
		account, minor := accounts[n*7%len(accounts)], int64(n+1)
		rest = append(rest, event(n, []events.Data{
			events.DepositRequested{OperationID: id("op", n), AccountID: account, AmountMinor: minor, Currency: "EUR"},
			events.WithdrawalRequested{OperationID: id("op", n), AccountID: account, AmountMinor: minor, Currency: "EUR"},
			events.InvoicePaid{InvoiceID: id("invoice", n), PaymentID: id("payment", n), AccountID: account, AmountMinor: minor, Currency: "EUR"},
			events.WithdrawalRequested{OperationID: id("op", n), AccountID: account, AmountMinor: 1_000_000 + minor, Currency: "EUR"}, // refused
		}[n%4]))
	}
	return accounts, opening, rest
}

// begin opens the accounts and puts money on them.
func begin(t *testing.T, pool *pgxpool.Pool, door *fntest.Door) []fn.Envelope {
	t.Helper()
	accounts, opening, rest := traffic()
	_, err := pool.Exec(context.Background(), `
		insert into ledger.account (id, kind, product, currency) select id, 'customer', 'current', 'EUR' from unnest($1::uuid[]) id`, accounts)
	require.NoError(t, err)
	for _, e := range opening {
		settle(t, door, e)
	}
	return rest
}

// books is everything that was done, without what depends on the order: the
// position of a posting in its account and the balance at that moment.
func books(t *testing.T, owner *pgxpool.Pool) string {
	t.Helper()
	return strings.Join(column(t, owner, `
		select concat_ws(' ', 'account', id, status, balance_minor, seq, deposits) from ledger.account where kind = 'customer'
		union all select concat_ws(' ', 'journal', business_key, kind, status, reason, correlation_id) from ledger.journal
		union all select concat_ws(' ', 'entry', business_key, leg, account_id, e.currency, e.amount_minor) from ledger.entry e join ledger.journal j on j.id = e.journal_id
		union all select concat_ws(' ', 'position', account_id, account_seq) from ledger.entry where account_seq is not null
		union all select concat_ws(' ', 'wrong', account_id, account_seq, balance_after_minor) from (
			select *, -sum(amount_minor) over (partition by account_id order by account_seq) running from ledger.entry where account_seq is not null) e
			where running <> balance_after_minor
		union all select concat_ws(' ', 'said', id, type, subject, causation_id, data::jsonb - '{balance_minor,account_seq}'::text[]) from delivery.outbox
		union all select concat_ws(' ', 'heard', consumer, source, id, state) from delivery.idempotency`), "\n")
}

// TestF12_WhatWasAcknowledgedSurvivesPostgres kills Postgres while two hundred
// postings are under way, again and again, and delivers again what was not
// acknowledged: at any moment, and right before and after a commit. Each
// acknowledged event is in the book, once; and in the end the book is that of a
// run in which nothing happened.
func TestF12_WhatWasAcknowledgedSurvivesPostgres(t *testing.T) {
	t.Parallel()
	calm, calmOwner := open(t)
	rest := begin(t, calmOwner, calm)
	for _, e := range rest {
		settle(t, calm, e)
	}
	want := books(t, calmOwner)
	require.NotContains(t, want, "wrong")

	db := pgtest.Durable(t)
	owner := db.Pool("")
	require.NoError(t, pgserver.CheckDurable(t.Context(), owner))
	stop := &stopper{}
	door := fntest.Open(t, ledgerposting.New(), db.Pool(role), fn.Options{GroupSize: 8, Failpoint: stop.hook})
	begin(t, owner, door)
	acknowledged := map[string]bool{}
	for _, round := range []struct {
		point string
		pass  int64 // of the point; an acknowledgement when there is none
	}{{"", 1}, {".before-commit", 2}, {"", 40}, {".after-commit", 3}, {"", 25}, {".before-commit", 4}} {
		statuses := storm(t, rest, acknowledged, stop.at(round.point, round.pass), db.Kill, door)
		db.Restart()
		require.Eventually(t, func() bool { return owner.Ping(context.Background()) == nil }, 30*time.Second, 10*time.Millisecond)
		for i, e := range rest {
			acknowledged[e.ID] = acknowledged[e.ID] || statuses[i] == http.StatusOK
			if acknowledged[e.ID] {
				require.Equal(t, "1 1 1", one[string](t, owner, `
					select concat_ws(' ', (select count(*) from delivery.idempotency where id = $1 and state = 'done'),
					                      (select count(*) from delivery.outbox where causation_id = $1),
					                      (select count(*) from ledger.journal where position(split_part(business_key, ':', 2) in $2) > 0))`,
					e.ID, string(e.Data)), "%s was acknowledged, by the kill %q %d at the latest", e.ID, round.point, round.pass)
			}
		}
		require.NotContains(t, books(t, owner), "wrong")
	}
	t.Logf("%d of %d acknowledged", count(acknowledged), len(rest))
	require.Less(t, count(acknowledged), len(rest), "nothing was left to deliver again")

	var wg sync.WaitGroup
	for _, e := range rest { // all of them: the broker does not know what was acknowledged
		wg.Go(func() { settle(t, door, e) })
	}
	wg.Wait()
	require.Equal(t, want, books(t, owner))
}

// stopper holds the function at a failpoint, or says when enough was
// acknowledged, so that the test can kill Postgres at that moment.
type stopper struct {
	mu      sync.Mutex
	point   string
	pass    int64
	holding bool // it has been reached: nothing else commits before the kill, however long that takes
	reached chan struct{}
	release chan struct{}
}

// moment is when to kill: reached is closed then, and the function goes on when
// release is called.
type moment struct {
	stop    *stopper
	reached <-chan struct{}
}

func (s *stopper) at(point string, pass int64) moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.point, s.pass, s.reached, s.release = point, pass, make(chan struct{}), make(chan struct{})
	return moment{s, s.reached}
}

func (m moment) goOn() {
	m.stop.mu.Lock()
	defer m.stop.mu.Unlock()
	m.stop.pass, m.stop.holding = 0, false
	close(m.stop.release)
}

// passed counts down; the last one closes reached and waits for the kill.
func (s *stopper) passed(point string) {
	s.mu.Lock()
	if s.holding && strings.HasSuffix(point, ".before-commit") {
		release := s.release
		s.mu.Unlock()
		<-release
		return
	}
	here := point == s.point || s.point != "" && strings.HasSuffix(point, s.point)
	if s.pass == 0 || !here {
		s.mu.Unlock()
		return
	}
	s.pass--
	last, release := s.pass == 0, s.release
	if last {
		s.holding = true
		close(s.reached)
	}
	s.mu.Unlock()
	if last {
		<-release
	}
}

func (s *stopper) hook(point string) error {
	s.passed(point)
	return nil
}

// storm delivers all events that are not acknowledged, at once, and has Postgres
// killed at the moment. It returns the statuses.
func storm(t *testing.T, rest []fn.Envelope, acknowledged map[string]bool, when moment, kill func(), door *fntest.Door) []int {
	t.Helper()
	statuses := make([]int, len(rest))
	var wg sync.WaitGroup
	for i, e := range rest {
		if acknowledged[e.ID] {
			continue
		}
		wg.Go(func() {
			if statuses[i] = deliver(door, e); statuses[i] == http.StatusOK {
				when.stop.passed("")
			}
		})
	}
	select {
	case <-when.reached:
	case <-time.After(30 * time.Second):
		t.Error("it never came to that")
	}
	kill()
	when.goOn()
	wg.Wait()
	for i, status := range statuses {
		if !acknowledged[rest[i].ID] {
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, status)
		}
	}
	return statuses
}

func count(set map[string]bool) (n int) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}
