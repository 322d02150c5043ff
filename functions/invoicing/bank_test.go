package invoicing_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/payment"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/receipt"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
	"quittance.dev/functions/validation"
)

// bank is the part of the bank that takes payments: three functions behind
// their doors, each under its own role, and the card processor.
type bank struct {
	*testing.T
	*stripetest.Emulator
	desk      *invoicingtest.Desk
	owner     *pgxpool.Pool
	doors     map[string]*fntest.Door
	copies    int // deliveries of each event, at once
	processor *httptest.Server
}

func openBank(t *testing.T) *bank {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	emulator, err := stripetest.New(stripetest.Config{Logger: quiet})
	require.NoError(t, err)
	server := httptest.NewServer(emulator)
	t.Cleanup(func() {
		emulator.Moods.Close()
		server.Close()
		require.NoError(t, emulator.Close())
	})
	client := stripe.New(
		config.Stripe{BaseURL: server.URL, Timeout: 250 * time.Millisecond, Tries: 1, AllowPlainHTTP: true, AllowPrivateNetwork: true},
		outside.Options{Authorize: outside.Bearer(outside.Literal("sk_test_1")), WaitMin: time.Millisecond, WaitMax: 5 * time.Millisecond, Logger: quiet})
	db := pgtest.New(t)
	b := &bank{T: t, Emulator: emulator, desk: invoicingtest.Open(t, db.Pool(apiRole)), owner: db.Pool(""),
		doors: map[string]*fntest.Door{}, copies: 1, processor: server}
	for _, f := range []fn.Function{validation.New(), payment.New(payment.Config{}, client), receipt.New(receipt.Config{})} {
		b.doors[f.Name] = fntest.Open(t, f, db.Pool("quittance_"+f.Name), fn.Options{Deadline: 5 * time.Second})
	}
	return b
}

// deliver hands e to everybody who hears it, in as many copies at once as the
// bank is set to, and reports whether each was answered 2xx.
func (b *bank) deliver(e fn.Envelope) bool {
	b.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	heard := map[string]bool{}
	for name, door := range b.doors {
		if !slices.Contains(door.Host.Function().Hears(), e.Type) {
			continue
		}
		heard[name] = false
		for range b.copies {
			wg.Go(func() {
				status, body := door.Post(b.T, e)
				mu.Lock()
				defer mu.Unlock()
				switch status {
				case http.StatusOK:
					heard[name] = true
				case http.StatusConflict, http.StatusServiceUnavailable:
				default:
					b.Errorf("%s answered %d to %s: %s", name, status, e.Type, body)
				}
			})
		}
	}
	wg.Wait()
	for _, ok := range heard {
		if !ok {
			return false
		}
	}
	return true
}

// run plays relay and broker until nothing is left to deliver.
func (b *bank) run() {
	b.Helper()
	for range 200 {
		unsent := b.outbox(`o where exists (select from delivery.queue q where q.source = o.source and q.id = o.id) order by created_at, id`)
		redelivered := b.redeliver()
		if len(unsent) == 0 && !redelivered {
			return
		}
		for _, e := range unsent {
			if b.deliver(e) {
				b.exec(`delete from delivery.queue where id = $1 and source = $2`, e.ID, e.Source)
			}
		}
	}
	b.Fatal("the bank does not come to rest")
}

// redeliver hands out what a function has put off, without waiting for its time.
func (b *bank) redeliver() bool {
	b.Helper()
	rows, err := b.owner.Query(context.Background(), `delete from delivery.redelivery returning consumer, source, id`)
	require.NoError(b, err)
	type due struct{ Consumer, Source, ID string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[due])
	require.NoError(b, err)
	for _, d := range all {
		for _, e := range b.outbox(`where source = $1 and id = $2`, d.Source, d.ID) {
			status, body := b.doors[d.Consumer].Post(b.T, e)
			require.Contains(b, []int{http.StatusOK, http.StatusServiceUnavailable}, status, body)
		}
	}
	return len(all) > 0
}

func (b *bank) outbox(where string, args ...any) []fn.Envelope {
	b.Helper()
	rows, err := b.owner.Query(context.Background(), `select `+fn.EnvelopeColumns+` from delivery.outbox `+where, args...)
	require.NoError(b, err)
	all, err := pgx.CollectRows(rows, fn.ScanEnvelope)
	require.NoError(b, err)
	return all
}

func (b *bank) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.owner.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

// said lists what the functions said in a payment's journey, in order.
func (b *bank) said(paymentID string) (types []string) {
	b.Helper()
	for _, e := range b.outbox(`where correlation_id = $1 and source <> '/functions/api' order by created_at, type desc`, invoicingtest.Journey(paymentID)) {
		types = append(types, string(e.Type)[len("dev.quittance."):])
	}
	return types
}

func (b *bank) payment(id string) invoicing.Payment {
	b.Helper()
	p, err := invoicing.FindPayment(context.Background(), b.owner, id)
	require.NoError(b, err)
	return p
}

func (b *bank) invoice(id string) invoicing.Invoice {
	b.Helper()
	i, err := invoicing.FindInvoice(context.Background(), b.owner, id)
	require.NoError(b, err)
	return i
}

// webhook tells the bank that something happened to a payment's charge, as the
// api does when a signed webhook comes in, under an event id of its own.
func (b *bank) webhook(reference string) {
	b.Helper()
	e := fntest.Event(events.ProcessorNotified{Processor: "stripe", NotificationID: "evt_1", ProcessorReference: reference})
	for range 10 {
		if b.deliver(e) {
			b.run()
			return
		}
	}
	b.Fatal("the webhook is never handled")
}

// tick lets the clock of the sweep strike when everything has waited for by.
func (b *bank) tick(by time.Duration) {
	b.Helper()
	b.exec(`update invoicing.payment set updated_at = updated_at - $1::interval, swept_at = swept_at - $1::interval`, by)
	require.True(b, b.deliver(fntest.Event(events.Tick{})))
	b.run()
}

// intent is the processor's id of a payment's charge, from its own books.
func (b *bank) intent(paymentID string) string {
	b.Helper()
	for _, i := range b.Books().Intents {
		if i.Metadata["payment_id"] == paymentID {
			return i.ID
		}
	}
	b.Fatalf("the processor has no charge for payment %s", paymentID)
	return ""
}

// holds checks the invariants of assurance: our books against each other and
// against the processor's.
func (b *bank) holds() {
	b.Helper()
	ctx := context.Background()
	for name, sql := range map[string]string{
		"I16 an invoice is paid by its one captured payment, in full": `
			select i.id::text from invoicing.invoice i left join invoicing.payment p on p.invoice_id = i.id and p.state = 'captured'
			group by i.id having count(p.id) <> case i.state when 'paid' then 1 else 0 end
			or (i.state = 'paid' and (sum(p.amount_minor) <> i.amount_minor or min(p.id::text) <> i.payment_id::text))`,
		"one invoice.paid per paid invoice": `
			select i.id::text from invoicing.invoice i left join delivery.outbox o on o.type = 'dev.quittance.invoice.paid.v1' and o.subject = i.id::text
			group by i.id having count(o.id) <> case i.state when 'paid' then 1 else 0 end`,
		"D05 one receipt per paid invoice": `
			select i.id::text from invoicing.invoice i left join invoicing.receipt r on r.invoice_id = i.id
			group by i.id having count(r.id) <> case i.state when 'paid' then 1 else 0 end`,
		"D05 receipt numbers have no gaps": `
			select c.issuer from invoicing.receipt_counter c left join invoicing.receipt r using (issuer)
			group by c.issuer, c.last having count(r.id) <> c.last or coalesce(max(r.number), 0) <> c.last`,
		"I17 nothing stays unknown": `select id::text from invoicing.payment where state = 'charging'`,
	} {
		rows, err := b.owner.Query(ctx, sql)
		require.NoError(b, err)
		broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(b, err)
		require.Empty(b, broken, name)
	}
	books := b.Books()
	rows, err := b.owner.Query(ctx, `select id::text, state from invoicing.payment`)
	require.NoError(b, err)
	var id string
	var state invoicing.State
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		want := 0
		if state == invoicing.Captured || state == invoicing.RefundDue {
			want = 1
		}
		if got := books.Captured(id); got != want {
			return fmt.Errorf("payment %s is %s, and the processor captured %d times", id, state, got)
		}
		return nil
	})
	require.NoError(b, err, "I14, I15")
}
