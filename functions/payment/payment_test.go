package payment_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/payment"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/stripe"
)

const role = "quittance_payment"

// chargesOncePerKey is a processor with books that takes every charge, once per
// key, and whose references can be foretold.
type chargesOncePerKey struct {
	mu     sync.Mutex
	books  map[string]stripe.ChargeResult // by reference
	charge int
}

func reference(key string) string { return "pi_" + key }

func (c *chargesOncePerKey) Charge(_ context.Context, q stripe.ChargeRequest) (stripe.ChargeResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, done := c.books[reference(q.Key)]; done {
		return r, nil
	}
	if c.books == nil {
		c.books = map[string]stripe.ChargeResult{}
	}
	c.charge++
	r := stripe.ChargeResult{Outcome: stripe.Captured, IntentID: reference(q.Key), PaymentID: q.PaymentID,
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), AmountMinor: q.AmountMinor, Currency: q.Currency}
	c.books[r.IntentID] = r
	return r, nil
}

func (c *chargesOncePerKey) Read(_ context.Context, reference string) (stripe.ChargeResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.books[reference]; ok {
		return r, nil
	}
	return stripe.ChargeResult{}, stripe.ErrNotFound
}

func (c *chargesOncePerKey) Find(_ context.Context, paymentID string) (stripe.ChargeResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.books {
		if r.PaymentID == paymentID {
			return r, nil
		}
	}
	return stripe.ChargeResult{}, stripe.ErrNotFound
}

func validated(n invoicing.NewPayment) events.PaymentValidated {
	return events.PaymentValidated{PaymentID: n.ID, InvoiceID: n.InvoiceID, AmountMinor: n.AmountMinor, Currency: n.Currency}
}

func notified(reference string) events.ProcessorNotified {
	return events.ProcessorNotified{Processor: "stripe", NotificationID: "evt_" + reference, ProcessorReference: reference}
}

// age lets a payment have been in its state for so long.
func age(t testing.TB, owner *pgxpool.Pool, paymentID string, by time.Duration) {
	t.Helper()
	_, err := owner.Exec(context.Background(), `
		update invoicing.payment set updated_at = updated_at - $2::interval, swept_at = swept_at - $2::interval where id = $1`, paymentID, by)
	require.NoError(t, err)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var invoices [3]invoicing.NewInvoice
	var payments [3]invoicing.NewPayment
	for i := range invoices {
		invoices[i] = invoicingtest.NewInvoice()
		payments[i] = invoicingtest.NewPayment(invoices[i])
	}
	// The first is charged on payment.validated; the second stands pending, and
	// the webhook tells; the third has waited in charging for too long.
	key := func(i int) string { return fn.DeriveID("charge", "stripe", payments[i].ID) }
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) {
			processor := &chargesOncePerKey{}
			_, err := processor.Charge(context.Background(), stripe.ChargeRequest{PaymentID: payments[1].ID, Key: key(1),
				AmountMinor: payments[1].AmountMinor, Currency: string(payments[1].Currency)})
			require.NoError(t, err)
			return payment.New(payment.Config{}, processor), func() string {
				processor.mu.Lock()
				defer processor.mu.Unlock()
				return fmt.Sprint(processor.charge)
			}
		},
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			desk := invoicingtest.Open(t, owner)
			for i := range invoices {
				desk.Do(t, func(ctx context.Context, tx fn.Tx) error {
					if err := invoicing.CreateInvoice(ctx, tx, invoices[i]); err != nil {
						return err
					}
					if err := invoicing.SubmitPayment(ctx, tx, payments[i]); err != nil {
						return err
					}
					if err := invoicing.MarkValidated(ctx, tx, payments[i].ID); err != nil || i == 0 {
						return err
					}
					if _, err := invoicing.StartCharge(ctx, tx, payments[i].ID, "stripe", "journey"); err != nil || i == 2 {
						return err
					}
					return invoicing.Settle(ctx, tx, payments[i].ID, invoicing.Charging, invoicing.Settlement{State: invoicing.Pending, Reference: reference(key(1))})
				})
			}
			age(t, owner, payments[2].ID, 2*time.Minute)
		},
		Events: []events.Data{validated(payments[0]), notified(reference(key(1))), events.Tick{}, notified("payment:" + payments[2].ID)},
	})
}

type rig struct {
	door      *fntest.Door
	desk      *invoicingtest.Desk
	owner     *pgxpool.Pool
	processor *chargesOncePerKey
}

func open(t *testing.T, c payment.Config) rig {
	t.Helper()
	db := pgtest.New(t)
	r := rig{desk: invoicingtest.Open(t, db.Pool("")), owner: db.Pool(""), processor: &chargesOncePerKey{}}
	r.door = fntest.Open(t, payment.New(c, r.processor), db.Pool(role), fn.Options{})
	return r
}

func (r rig) post(t *testing.T, d events.Data) int {
	t.Helper()
	status, body := r.door.Post(t, fntest.Event(d))
	require.LessOrEqual(t, len(body), 512)
	return status
}

func (r rig) payment(t *testing.T, id string) invoicing.Payment {
	t.Helper()
	p, err := invoicing.FindPayment(t.Context(), r.owner, id)
	require.NoError(t, err)
	return p
}

func (r rig) count(t *testing.T, eventType events.Type) (n int) {
	t.Helper()
	require.NoError(t, r.owner.QueryRow(t.Context(), `select count(*) from delivery.outbox where type = $1`, eventType).Scan(&n))
	return n
}

// Nobody is charged on the word of an event alone.
func TestChargesOnlyWhatIsValidatedInTheBooks(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	n := r.desk.Submit(t, r.desk.Invoice(t))
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, validated(n)), "submitted only")

	r.desk.Do(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.MarkValidated(ctx, tx, n.ID) })
	other := validated(n)
	other.AmountMinor++
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, other), "another amount")
	other = validated(n)
	other.InvoiceID = uuid.NewString()
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, other), "another invoice")
	other = validated(n)
	other.PaymentID = uuid.NewString()
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, other), "no such payment")
	require.Zero(t, r.processor.charge)
	require.Equal(t, invoicing.Validated, r.payment(t, n.ID).State)

	require.Equal(t, http.StatusOK, r.post(t, validated(n)), "the flow behind goes on")
	require.Equal(t, 1, r.processor.charge)
	require.Equal(t, invoicing.Captured, r.payment(t, n.ID).State)
	require.Equal(t, http.StatusOK, r.post(t, validated(n)), "the same fact under another id")
	require.Equal(t, 1, r.count(t, events.TypeInvoicePaid))
}

// The invoice was settled after validation looked: nobody is charged.
func TestDoesNotChargeForASettledInvoice(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	i := r.desk.Invoice(t)
	n := r.desk.Submit(t, i)
	r.desk.Do(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.MarkValidated(ctx, tx, n.ID) })
	_, err := r.owner.Exec(t.Context(), `update invoicing.invoice set state = 'cancelled' where id = $1`, i.ID)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.post(t, validated(n)))
	p := r.payment(t, n.ID)
	require.Equal(t, invoicing.Rejected, p.State)
	require.Equal(t, events.InvoiceNotPayable, p.Reason)
	require.Zero(t, r.processor.charge)
	require.Equal(t, 1, r.count(t, events.TypePaymentRejected))
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	take := func(paymentID string, minor int64, key string) string {
		result, err := r.processor.Charge(t.Context(), stripe.ChargeRequest{PaymentID: paymentID, AmountMinor: minor, Currency: "EUR", Key: key})
		require.NoError(t, err)
		return result.IntentID
	}
	unknown := notified("pi_1")
	unknown.Processor = "somebody"
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, unknown), "no such processor")
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, notified("payment:"+uuid.NewString())), "no such payment")
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, notified("payment:nonsense")), "no payment id")
	require.Equal(t, http.StatusServiceUnavailable, r.post(t, notified("pi_nowhere")), "F20: not found proves nothing")
	require.Equal(t, http.StatusOK, r.post(t, notified(take("", 1, "foreign"))), "a charge of somebody else's")
	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, notified(take(uuid.NewString(), 1, "lost"))), "money for a payment that is not there")

	// The webhook overtakes the answer: the payment has no reference yet.
	p := r.desk.Charging(t, r.desk.Invoice(t))
	ref := take(p.ID, p.AmountMinor, p.ChargeKey)
	require.Equal(t, http.StatusOK, r.post(t, notified(ref)))
	got := r.payment(t, p.ID)
	require.Equal(t, invoicing.Captured, got.State)
	require.Equal(t, ref, got.ProcessorReference)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), got.ChargedAt)
	require.Equal(t, http.StatusOK, r.post(t, notified(ref)), "again")
	require.Equal(t, 1, r.count(t, events.TypeInvoicePaid))

	require.Equal(t, http.StatusUnprocessableEntity, r.post(t, notified(take(p.ID, p.AmountMinor, "second"))), "a second charge for a captured payment")
	require.Equal(t, ref, r.payment(t, p.ID).ProcessorReference)
	require.Equal(t, 1, r.count(t, events.TypePaymentCaptured))
}

// I17: what waits is found by state and age, whatever became of its events.
func TestI17_TheSweep(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{SweepAfter: time.Minute, SweepLimit: 2})
	ctx := t.Context()
	sweep := func() (said []string) {
		t.Helper()
		before := map[string]bool{}
		for _, id := range ids(t, r.owner) {
			before[id] = true
		}
		require.Equal(t, http.StatusOK, r.post(t, events.Tick{}))
		rows, err := r.owner.Query(ctx, `
			select id, correlation_id || ' ' || (data->>'processor_reference') from delivery.outbox where type = $1`, events.TypeProcessorNotified)
		require.NoError(t, err)
		for rows.Next() {
			var id, text string
			require.NoError(t, rows.Scan(&id, &text))
			if !before[id] {
				said = append(said, text)
			}
		}
		require.NoError(t, rows.Err())
		return said
	}
	charging := r.desk.Charging(t, r.desk.Invoice(t))
	wantCharging := invoicingtest.Journey(charging.ID) + " payment:" + charging.ID
	require.Empty(t, sweep(), "too young")
	age(t, r.owner, charging.ID, time.Minute)
	require.Equal(t, []string{wantCharging}, sweep())
	require.Empty(t, sweep(), "asked just now")
	age(t, r.owner, charging.ID, time.Minute)
	require.Equal(t, []string{wantCharging}, sweep(), "asked a minute ago")
	age(t, r.owner, charging.ID, 10*time.Hour)
	require.Equal(t, []string{wantCharging}, sweep())
	age(t, r.owner, charging.ID, 59*time.Minute)
	require.Empty(t, sweep(), "an old one is asked for every hour")
	age(t, r.owner, charging.ID, time.Minute)
	require.Equal(t, []string{wantCharging}, sweep())

	settle := func(p invoicing.Payment, from invoicing.State, s invoicing.Settlement) {
		r.desk.Do(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.Settle(ctx, tx, p.ID, from, s) })
	}
	settle(charging, invoicing.Charging, invoicing.Settlement{State: invoicing.Pending, Reference: "pi_pending"})
	require.Empty(t, sweep(), "in a new state, the waiting starts anew")
	age(t, r.owner, charging.ID, time.Minute)
	require.Equal(t, []string{invoicingtest.Journey(charging.ID) + " pi_pending"}, sweep())

	// A failed payment is looked at after an hour, and when that has doubled,
	// and doubled again, for three days.
	settle(charging, invoicing.Pending, invoicing.Settlement{State: invoicing.Failed, Reason: "card_declined"})
	var looks []int
	for hour := 1; hour <= 80; hour++ {
		age(t, r.owner, charging.ID, time.Hour)
		if len(sweep()) == 1 {
			looks = append(looks, hour)
		}
	}
	require.Equal(t, 1, looks[0])
	for i := 1; i < len(looks); i++ {
		require.GreaterOrEqual(t, looks[i], 2*looks[i-1], "%v", looks)
		require.LessOrEqual(t, looks[i], 2*looks[i-1]+1, "%v", looks)
	}
	require.Greater(t, 2*looks[len(looks)-1], 71, "%v", looks)

	silent := r.desk.Charging(t, r.desk.Invoice(t))
	settle(silent, invoicing.Charging, invoicing.Settlement{State: invoicing.Failed, Reason: "invalid_request"})
	age(t, r.owner, silent.ID, 2*time.Hour)
	require.Empty(t, sweep(), "failed before the processor knew it: nothing to read")

	for range 5 {
		p := r.desk.Charging(t, r.desk.Invoice(t))
		age(t, r.owner, p.ID, time.Hour)
	}
	require.Len(t, sweep(), 2, "the limit")
	require.Len(t, sweep(), 2)
	require.Len(t, sweep(), 1)
}

// A payment that was refused before the processor made a charge of it is over:
// no notification has it charged again.
func TestANotificationNeverChargesAFailedPayment(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	p := r.desk.Charging(t, r.desk.Invoice(t))
	r.desk.Do(t, func(ctx context.Context, tx fn.Tx) error {
		return invoicing.Settle(ctx, tx, p.ID, invoicing.Charging, invoicing.Settlement{State: invoicing.Failed, Reason: "invalid_request"})
	})
	require.Equal(t, http.StatusOK, r.post(t, notified("payment:"+p.ID)))
	require.Zero(t, r.processor.charge)
	require.Equal(t, invoicing.Failed, r.payment(t, p.ID).State)
}

// F37: a sweep passes over what another one is just picking.
func TestF37_ASweepDoesNotWaitForAnother(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	second := invoicingtest.Open(t, r.owner)
	for range 3 {
		p := r.desk.Charging(t, r.desk.Invoice(t))
		age(t, r.owner, p.ID, time.Hour)
	}
	take := func(limit int, then func(n int)) func(context.Context, fn.Tx) error {
		return func(ctx context.Context, tx fn.Tx) error {
			picked, err := invoicing.TakeUnsettled(ctx, tx, time.Minute, limit)
			then(len(picked))
			return err
		}
	}
	r.desk.Do(t, take(2, func(n int) {
		require.Equal(t, 2, n)
		second.Do(t, take(10, func(n int) { require.Equal(t, 1, n) })) // while the first is not committed
	}))
}

// F37: sweeps that run at once do not ask twice.
func TestF37_SweepsAtOncePickDifferentPayments(t *testing.T) {
	t.Parallel()
	r := open(t, payment.Config{})
	for range 20 {
		p := r.desk.Charging(t, r.desk.Invoice(t))
		age(t, r.owner, p.ID, time.Hour)
	}
	db := r.owner
	var wg sync.WaitGroup
	for range 5 {
		host := fntest.Open(t, payment.New(payment.Config{}, r.processor), db, fn.Options{})
		wg.Go(func() {
			status, _ := host.Post(t, fntest.Event(events.Tick{}))
			if status != http.StatusOK {
				t.Errorf("tick answered %d", status)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 20, r.count(t, events.TypeProcessorNotified))
}

func ids(t *testing.T, owner *pgxpool.Pool) (ids []string) {
	t.Helper()
	rows, err := owner.Query(t.Context(), `select id from delivery.outbox`)
	require.NoError(t, err)
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	return ids
}
