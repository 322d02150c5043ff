package fn_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/schema"
)

// limit is how much may be submitted for one invoice, in minor units.
const limit = 100_00

// limiter is a whole function: it hears payment.submitted, adds up what was
// submitted for each invoice, and says payment.validated, or payment.rejected
// when it is too much. A business "no" is an event, not an error. Duplicates,
// crashes and two replicas at once are the kernel's business: each event is
// added up once.
func limiter() fn.Function {
	return fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(limitPayment)}}
}

func limitPayment(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
	// Load, and store: the row is locked until the commit.
	var total int64
	err := tx.QueryRow(ctx, `
		insert into example.submitted as s (invoice_id, total_minor) values ($1, $2)
		on conflict (invoice_id) do update set total_minor = s.total_minor + excluded.total_minor
		returning total_minor`, in.Data.InvoiceID, in.Data.AmountMinor).Scan(&total)
	if err != nil {
		return nil, fmt.Errorf("add up payments: %w", err) // tried again, and leaves nothing behind
	}
	// Decide.
	if total > limit {
		return []events.Data{events.PaymentRejected{
			PaymentID: in.Data.PaymentID, InvoiceID: in.Data.InvoiceID, Reason: events.AmountMismatch,
		}}, nil
	}
	return []events.Data{events.PaymentValidated(in.Data)}, nil
}

// A function behind its door, on a Postgres of its own, under its own role. The
// second event is delivered twice and counts once.
func Example() {
	ctx := context.Background()
	pool, stop, err := exampleDatabase(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	host := fn.NewHost(limiter(), pool, fn.Options{Logger: quiet})
	defer host.Close()
	door := httptest.NewServer(host)
	defer door.Close()

	invoice := fn.DeriveID("invoice 1")
	for _, payment := range []struct {
		event       string
		amountMinor int64
	}{{"event 1", 60_00}, {"event 2", 40_00}, {"event 2", 40_00}, {"event 3", 1}} {
		answer := deliver(ctx, door.URL, fn.DeriveID(payment.event), fmt.Sprintf(
			`{"payment_id":%q,"invoice_id":%q,"amount_minor":%d,"currency":"EUR"}`,
			fn.DeriveID("payment of", payment.event), invoice, payment.amountMinor))
		fmt.Println(payment.event, answer)
	}
	// Output:
	// event 1 200 dev.quittance.payment.validated.v1
	// event 2 200 dev.quittance.payment.validated.v1
	// event 2 200 dev.quittance.payment.validated.v1
	// event 3 200 dev.quittance.payment.rejected.v1
}

// deliver posts one CloudEvent as a broker would, and asks for the event that
// came of it, which a broker does not.
func deliver(ctx context.Context, url, id, payload string) string {
	r, err := fn.Envelope{
		ID: id, Source: "/functions/api", Type: events.TypePaymentSubmitted, Data: []byte(payload),
	}.Request(ctx, url)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Prefer", "return=representation")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	return fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Ce-Type"))
}

// exampleDatabase starts a Postgres with the bank's schema and one table more.
func exampleDatabase(ctx context.Context) (_ *pgxpool.Pool, stop func(), err error) {
	server, err := pgserver.Temporary(ctx, pgserver.Options{})
	if err != nil {
		return nil, nil, err
	}
	owner, err := pgx.Connect(ctx, server.ConnString("postgres", pgserver.Superuser))
	if err != nil {
		return nil, nil, err
	}
	defer owner.Close(ctx)
	if err := schema.Migrate(ctx, owner); err != nil {
		return nil, nil, err
	}
	if _, err := owner.Exec(ctx, `
		create schema example
			create table submitted (invoice_id uuid primary key, total_minor bigint not null);
		grant usage on schema example to quittance_validation;
		grant select, insert, update on example.submitted to quittance_validation`); err != nil {
		return nil, nil, err
	}
	pool, err := pgxpool.New(ctx, server.ConnString("postgres", "quittance_validation"))
	if err != nil {
		return nil, nil, err
	}
	return pool, func() { pool.Close(); _ = server.Stop(ctx) }, nil
}
