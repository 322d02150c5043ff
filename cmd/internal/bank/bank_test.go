package bank_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/outside/outsidetest"
)

// The journeys end to end (A02, A04-A07, C01, D01, D04-D07, F01, F02); then twenty
// copies of every event that was said arrive at once, and nothing at all
// changes: not in the tables, not in the books outside (A23, D08, F03).
func TestF03_TwentyCopiesOfEveryEventChangeNothing(t *testing.T) {
	b := start(t, nil)
	ctx := context.Background()
	_, err := demo.Payment(ctx, options(b))
	require.NoError(t, err)
	_, err = demo.Closing(ctx, options(b))
	require.NoError(t, err)
	_, err = demo.Transfer(ctx, options(b))
	require.NoError(t, err)
	requireTrueBooks(t, b)
	before := fntest.Snapshot(t, b.Owner)
	mails, texts := len(b.Outside.Mail.Mails()), len(b.Outside.SMS.Texts())

	heard := 0
	for _, e := range said(t, b) {
		entry, ok := events.Lookup(e.Type)
		require.True(t, ok)
		heard += len(entry.Hears)
		var copies sync.WaitGroup
		for range 20 {
			copies.Go(func() { publish(t, b, string(e.Broker), e) })
		}
		copies.Wait()
	}
	require.Greater(t, heard, 25)
	requireTrueBooks(t, b)
	requireSameState(t, before, fntest.Snapshot(t, b.Owner))
	require.Len(t, b.Outside.Mail.Mails(), mails)
	require.Len(t, b.Outside.SMS.Texts(), texts)
}

// F26, B27, D15: a poison event at each function ends in the dead-letter table
// with its reason, and the flow behind it goes on.
func TestF26_APoisonEventAtEachFunctionIsADeadLetterWithItsReason(t *testing.T) {
	b := start(t, nil)
	for _, entry := range events.Catalogue() {
		publish(t, b, string(entry.Broker), fn.Envelope{
			ID: uuid.NewString(), Source: fn.Source(entry.Says[0]), Type: entry.Type, Subject: "poison",
			CorrelationID: "poison", Time: time.Now(), Data: []byte(`{"poison":true}`),
		})
	}
	for consumer, types := range events.Subscriptions() {
		require.Equal(t, len(types), count(t, b, `
			select count(*) from delivery.dead_letter
			where consumer = $1 and error_code = 400 and reason like 'payload lacks %' and status = 'open'`, consumer), consumer)
	}
	require.Equal(t, 0, count(t, b, `select count(*) from delivery.dead_letter where consumer = 'unknown'`))
	_, err := demo.Payment(context.Background(), options(b))
	require.NoError(t, err)
	_, err = demo.Closing(context.Background(), options(b))
	require.NoError(t, err)
	requireTrueBooks(t, b)
}

// A10, F01-F05: seeded weather on every hop; everything completes, nothing is
// doubled. `make storm` plays fifty of each.
func TestA10_BothJourneysCompleteInBadWeather(t *testing.T) {
	weather := &knative.Weather{}
	b := start(t, weather)
	require.NoError(t, weather.Set(knative.Forecast{
		Seed: 7, Drop: 0.05, LoseAnswer: 0.03, Refuse: 0.03, Duplicate: 0.10, DuplicateWithin: 100 * time.Millisecond,
		Reorder: 0.2, ReorderWindow: 200 * time.Millisecond,
	}))
	stop := wakeAudit(b)
	defer stop()
	var journeys sync.WaitGroup
	for range 6 {
		for _, journey := range []func(context.Context, demo.Options) (demo.Result, error){demo.Payment, demo.Closing, demo.Transfer} {
			journeys.Go(func() {
				o := options(b)
				o.Timeout = 3 * time.Minute
				_, err := journey(context.Background(), o)
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	journeys.Wait()
	blown := int64(0)
	for _, n := range weather.Counts() {
		blown += n
	}
	require.Greater(t, blown, int64(20), "the weather was calm")
	requireTrueBooks(t, b)
}

// wakeAudit ticks the audit every second instead of every ten.
func wakeAudit(b *bank.Bank) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_ = b.Broker.Ping(ctx, "audit") // the next one makes up for it
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// A03: one minor unit left, and no closure starts. F32, acceptance: money for
// an account that is closing is refused, or put in suspense with a case.
func TestF32_AnAccountThatIsClosingTakesNothingAndLosesNothing(t *testing.T) {
	b := start(t, nil)
	account := openSavings(t, b, "250.00")

	operation(t, b, "/withdraw", account, "249.99", "COMPLETED")
	rest(t, b)
	require.Equal(t, 0, count(t, b, `select count(*) from closure.account_closure`), "A03: one minor unit is left")

	// Mambu is locked for a while, so that the closing takes its time.
	require.NoError(t, b.Outside.Mambu.Moods.Script(outsidetest.Mood{Kind: outsidetest.Locked}, outsidetest.Mood{Kind: outsidetest.Locked}, outsidetest.Mood{Kind: outsidetest.Locked},
		outsidetest.Mood{Kind: outsidetest.Locked}, outsidetest.Mood{Kind: outsidetest.Locked}, outsidetest.Mood{Kind: outsidetest.Locked}))
	operation(t, b, "/withdraw", account, "0.01", "COMPLETED")
	operation(t, b, "/deposit", account, "5.00", "FAILED")
	paid := events.InvoicePaid{InvoiceID: uuid.NewString(), PaymentID: uuid.NewString(), AccountID: account, AmountMinor: 700, Currency: "EUR"}
	publish(t, b, "payments", onlyFor(paid))
	require.Equal(t, 1, count(t, b, `select count(*) from ledger.suspense_case where account_id = $1 and amount_minor = 700 and status = 'open'`, account))
	require.True(t, assertEventually(2*time.Minute, 100*time.Millisecond, func() bool {
		return count(t, b, `select count(*) from closure.account_closure where account_id = $1 and state = 'CLOSED' and email_sent_at is not null`, account) == 1
	}), "the closing goes on when Mambu answers")
	operation(t, b, "/deposit", account, "5.00", "FAILED")
	require.Equal(t, 0, count(t, b, `select abs(sum(amount_minor))::int from ledger.entry`))
}

// onlyFor is an event that the ledger takes; the receipt function will say that
// it knows no such invoice, which is its own dead letter.
func onlyFor(data events.Data) fn.Envelope {
	e := fntest.Event(data)
	e.CorrelationID = data.Subject()
	return e
}

func openSavings(t *testing.T, b *bank.Bank, amount string) string {
	t.Helper()
	status, body := call(t, b, "POST", "/customers", `{"name":"Cleo Example","email":"cleo@example.org","phone":"+41790000004"}`)
	require.Equal(t, 201, status, body)
	status, body = call(t, b, "POST", "/accounts", `{"customer_id":"`+field(t, body, "customer_id")+`","product":"simple-savings","currency":"EUR"}`)
	require.Equal(t, 201, status, body)
	account := field(t, body, "account_id")
	operation(t, b, "/deposit", account, amount, "COMPLETED")
	return account
}

// operation asks for a deposit or withdrawal and waits for its outcome.
func operation(t *testing.T, b *bank.Bank, path, account, amount, outcome string) {
	t.Helper()
	status, body := call(t, b, "POST", path, withdrawalJSON(account, amount))
	require.Equal(t, 200, status, body)
	require.Equal(t, "PENDING", field(t, body, "status"), "B16")
	id := field(t, body, "operation_id")
	require.True(t, assertEventually(30*time.Second, 20*time.Millisecond, func() bool {
		_, body = call(t, b, "GET", "/operation-status/"+id, "")
		return strings.Contains(body, outcome)
	}), body)
}

func field(t *testing.T, body, name string) string {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &o), body)
	text, _ := o[name].(string)
	return text
}

// A18, F17: the card processor and Mambu do their work and the answer is lost,
// many times over: one charge, one close.
func TestF17_LostAnswersFromOutsideDoubleNothing(t *testing.T) {
	b := start(t, nil)
	lost := outsidetest.Mood{Kind: outsidetest.CutAfter}
	require.NoError(t, b.Outside.Mambu.Moods.Script(lost, lost))
	require.NoError(t, b.Outside.E.Moods.Script(lost, lost))
	require.NoError(t, b.Outside.Stripe.Moods.Script(lost, lost))
	require.NoError(t, b.Outside.Mail.Moods.Script(lost, lost))
	_, err := demo.Payment(context.Background(), options(b))
	require.NoError(t, err)
	_, err = demo.Closing(context.Background(), options(b))
	require.NoError(t, err)
	requireTrueBooks(t, b)
}
