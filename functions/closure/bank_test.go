package closure_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/closuree"
	"quittance.dev/functions/closuremambu"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

// bank is both rooms on one database, each behind its own door in its own role,
// with the outside systems, and a courier in the place of relay and broker.
type bank struct {
	*testing.T
	owner  *pgxpool.Pool
	out    *closuretest.Outside
	doors  map[string]*fntest.Door
	scrape closuretest.Scrape
	copies int             // how many copies of each event are delivered at once
	sent   map[string]bool // events that were delivered to all who hear them
}

func newBank(t *testing.T, o fn.Options) *bank {
	db := pgtest.New(t)
	b := &bank{T: t, owner: db.Pool(""), doors: map[string]*fntest.Door{}, copies: 1, sent: map[string]bool{}}
	b.out = closuretest.NewOutside(t, nil)
	count, scrape := closuretest.NewCounters(t)
	b.scrape = scrape
	for role, f := range map[string]fn.Function{
		"quittance_closure_mambu": closuremambu.New(b.out.MambuClient, count),
		"quittance_closure_e":     closuree.New(b.out.EClient, count),
	} {
		b.doors[f.Name] = fntest.Open(t, f, db.Pool(role), o)
	}
	return b
}

// emptied makes an account that a withdrawal has just emptied, and the news.
func (b *bank) emptied() (accountID string, news fn.Envelope) {
	accountID = closuretest.Account(b, b.owner, "closing", 0)
	b.out.Put(b, accountID)
	return accountID, fntest.Event(events.WithdrawalCompleted{
		OperationID: uuid.NewString(), AccountID: accountID, AmountMinor: 1000, Currency: "EUR", AccountSeq: 2, Closing: true,
	})
}

// carry delivers an event to all who hear it, and then whatever is said, until
// nothing new is.
func (b *bank) carry(all ...fn.Envelope) {
	for len(all) > 0 {
		var wg sync.WaitGroup
		for _, e := range all {
			entry, _ := events.Lookup(e.Type)
			for _, consumer := range entry.Hears {
				if b.doors[consumer] == nil {
					continue
				}
				for range b.copies {
					wg.Go(func() { b.settle(consumer, e) })
				}
			}
			b.sent[e.ID] = true
		}
		wg.Wait()
		all = b.unsent()
	}
}

func (b *bank) unsent() (fresh []fn.Envelope) {
	for _, e := range closuretest.Said(b, b.owner) {
		if b.sent[e.ID] {
			continue
		}
		fresh = append(fresh, e)
		if e.Type == events.TypeAccountClosed { // the notification function hears it and sends the mail
			closed := closuretest.Payload[events.AccountClosed](b, e)
			fresh = append(fresh, fntest.As(fn.DeriveID(e.ID), events.NotificationSent{
				NotificationID: fn.DeriveID(e.ID, "mail"), Kind: "account.closed", SubjectID: closed.AccountID, Channel: "email",
			}))
		}
	}
	return fresh
}

// settle delivers to one consumer as a broker and the relay would: again while
// it is told so, and again when the outcome was put off.
func (b *bank) settle(consumer string, e fn.Envelope) {
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body := b.doors[consumer].Post(b, e)
		switch status {
		case http.StatusOK:
			tag, err := b.owner.Exec(context.Background(), `
				delete from delivery.redelivery where consumer = $1 and source = $2 and id = $3`, consumer, e.Source, e.ID)
			if err != nil || tag.RowsAffected() == 0 {
				if err != nil {
					b.Error(err)
				}
				return
			}
		case http.StatusConflict, http.StatusServiceUnavailable:
		default:
			b.Errorf("%s to %s: %d %s", e.Type, consumer, status, body)
			return
		}
		if time.Now().After(deadline) {
			b.Errorf("%s to %s never settled: %d %s", e.Type, consumer, status, body)
			return
		}
		<-tick.C
	}
}

// requireClosed holds everything that is promised of a finished closure.
func (b *bank) requireClosed(accountID string) {
	b.Helper()
	row := closuretest.One(b, b.owner, accountID)
	require.NotNil(b, row.EmailSentAt, "A07, A13")
	require.Nil(b, row.LastError)
	require.Equal(b, toTheEnd, closuretest.History(b, b.owner, accountID), "A14, A15")
	var ledger string
	require.NoError(b, b.owner.QueryRow(context.Background(), `select status from ledger.account where id = $1`, accountID).Scan(&ledger))
	require.Equal(b, "closed", ledger)

	var inMambu, inE []time.Time
	for _, c := range b.out.Mambu.Book().Closes {
		if c.AccountID == accountID {
			inMambu = append(inMambu, c.At)
			require.Equal(b, row.ClosureID, c.Key, "A18")
		}
	}
	for _, c := range b.out.E.Book().Closes {
		if c.AccountID == accountID {
			inE = append(inE, c.At)
		}
	}
	require.Len(b, inMambu, 1, "A04")
	require.Len(b, inE, 1, "A05")
	for _, a := range b.out.E.Book().Attempts {
		if a.Object == accountID {
			require.True(b, a.At.After(inMambu[0]), "A06: E was not so much as asked before Mambu had closed")
		}
	}
	var closed int
	for _, e := range closuretest.Said(b, b.owner, events.TypeAccountClosed) {
		if e.Subject == accountID {
			closed++
		}
	}
	require.Equal(b, 1, closed, "A20")
}
