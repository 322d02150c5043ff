package invoicing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Method is how somebody pays.
type Method string

// Card is a card, charged through a processor by its token. It is the only
// method that validation lets through so far.
const Card Method = "card"

// Payment is one row of invoicing.payment.
type Payment struct {
	ID            string
	InvoiceID     string
	AmountMinor   int64
	Currency      money.Currency
	Method        Method
	PaymentMethod string // the processor's token, "pm_..."; never a card number
	State         State
	Reason        events.Reason // of rejected, failed and refund_due; else ""
	SubmittedAt   time.Time
	UpdatedAt     time.Time // since when it is in its state

	// From charging on; "" and zero before.
	Processor          string    // "stripe"
	ProcessorReference string    // the processor's id of the charge, once it gave one
	ChargeKey          string    // idempotency key, frozen before the first call
	ChargeKeyAt        time.Time // since when the key may be in use
	Journey            string    // correlation id of what comes of the charge
	ChargedAt          time.Time // when the money was taken, by the processor's clock; zero before
}

// NewPayment is what SubmitPayment writes.
type NewPayment struct {
	ID, InvoiceID string // lower-case UUIDs
	AmountMinor   int64  // positive
	Currency      money.Currency
	Method        Method // 1 to 50 characters; validation knows which are supported
	PaymentMethod string // 1 to 200 characters; refused if it holds a card number
}

// Errors of payments.
var (
	ErrPaymentNotFound = errors.New("payment not found")
	ErrPaymentDiffers  = errors.New("a payment with this id and other terms exists")
	ErrStateChanged    = errors.New("the payment is in another state")
)

func (n NewPayment) check() error {
	switch {
	case !isUUID(n.ID):
		return fmt.Errorf("%w: payment id", ErrInvalid)
	case !isUUID(n.InvoiceID):
		return fmt.Errorf("%w: invoice id", ErrInvalid)
	case n.AmountMinor <= 0:
		return fmt.Errorf("%w: amount must be positive", ErrInvalid)
	case !n.Currency.Known():
		return fmt.Errorf("%w: currency", ErrInvalid)
	case !storable(string(n.Method), 50):
		return fmt.Errorf("%w: method must be 1 to 50 characters", ErrInvalid)
	case !storable(n.PaymentMethod, 200):
		return fmt.Errorf("%w: payment method must be 1 to 200 characters", ErrInvalid)
	case holdsCardNumber(n.PaymentMethod):
		return fmt.Errorf("%w: payment method must be a token, not a card number", ErrInvalid)
	}
	return nil
}

// SubmitPayment writes a payment in state submitted. It is idempotent by id:
// the same payment again changes nothing, whatever became of it meanwhile.
// ErrInvoiceNotFound when there is no such invoice; ErrPaymentDiffers when the
// id belongs to a payment with other terms; ErrInvalid for senseless input.
// Whether the payment fits its invoice is for validation to say, not for here.
func SubmitPayment(ctx context.Context, tx fn.Tx, n NewPayment) error {
	if err := n.check(); err != nil {
		return err
	}
	// The invoice is asked for here rather than left to the foreign key: an
	// error of the database would spoil the transaction of everybody in it.
	tag, err := tx.Exec(ctx, `
		insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method)
		select $1, i.id, $3, $4, $5, $6 from invoicing.invoice i where i.id = $2
		on conflict on constraint payment_id do nothing`,
		n.ID, n.InvoiceID, n.AmountMinor, n.Currency, n.Method, n.PaymentMethod)
	if err != nil {
		return fmt.Errorf("submit payment: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	have, err := FindPayment(ctx, tx, n.ID)
	switch {
	case errors.Is(err, ErrPaymentNotFound):
		return ErrInvoiceNotFound
	case err != nil:
		return err
	case n != NewPayment{have.ID, have.InvoiceID, have.AmountMinor, have.Currency, have.Method, have.PaymentMethod}:
		return ErrPaymentDiffers
	}
	return nil
}

const paymentColumns = `id::text, invoice_id::text, amount_minor, currency, method, payment_method, state,
	coalesce(reason, ''), submitted_at, updated_at, coalesce(processor, ''), coalesce(processor_reference, ''),
	coalesce(charge_key::text, ''), coalesce(charge_key_at, '0001-01-01 00:00:00Z'), coalesce(journey, ''),
	coalesce(charged_at, '0001-01-01 00:00:00Z')`

func scanPayment(row pgx.Row) (p Payment, err error) {
	err = row.Scan(&p.ID, &p.InvoiceID, &p.AmountMinor, &p.Currency, &p.Method, &p.PaymentMethod, &p.State,
		&p.Reason, &p.SubmittedAt, &p.UpdatedAt, &p.Processor, &p.ProcessorReference,
		&p.ChargeKey, &p.ChargeKeyAt, &p.Journey, &p.ChargedAt)
	for _, t := range []*time.Time{&p.SubmittedAt, &p.UpdatedAt, &p.ChargeKeyAt, &p.ChargedAt} {
		*t = t.UTC()
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Payment{}, ErrPaymentNotFound
	}
	if err != nil {
		return Payment{}, fmt.Errorf("read payment: %w", err)
	}
	return p, nil
}

// FindPayment reads a payment without locking it.
func FindPayment(ctx context.Context, q Querier, id string) (Payment, error) {
	if !isUUID(id) {
		return Payment{}, ErrPaymentNotFound
	}
	return scanPayment(q.QueryRow(ctx, `select `+paymentColumns+` from invoicing.payment where id = $1`, id))
}

// LockPayment reads a payment and holds it until the transaction ends.
func LockPayment(ctx context.Context, tx fn.Tx, id string) (Payment, error) {
	if !isUUID(id) {
		return Payment{}, ErrPaymentNotFound
	}
	return scanPayment(tx.QueryRow(ctx, `select `+paymentColumns+` from invoicing.payment where id = $1 for update`, id))
}

// PaymentByReference reads the payment that a processor's charge belongs to.
func PaymentByReference(ctx context.Context, q Querier, processor, reference string) (Payment, error) {
	return scanPayment(q.QueryRow(ctx, `
		select `+paymentColumns+` from invoicing.payment where processor = $1 and processor_reference = $2`,
		processor, reference))
}

// PaymentsOf lists an invoice's payments, oldest first.
func PaymentsOf(ctx context.Context, q Querier, invoiceID string) ([]Payment, error) {
	if !isUUID(invoiceID) {
		return nil, nil
	}
	return collectPayments(q.Query(ctx, `
		select `+paymentColumns+` from invoicing.payment where invoice_id = $1 order by submitted_at, id`, invoiceID))
}

func collectPayments(rows pgx.Rows, err error) ([]Payment, error) {
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Payment, error) { return scanPayment(row) })
}

// storable reports whether s is one printable line of 1 to most characters.
func storable(s string, most int) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, unicode.IsControl)
}

// cardDigits is the shortest card number in use (ISO/IEC 7812 allows 8 to 19;
// issuers give 13 and more).
const cardDigits = 13

// holdsCardNumber finds a run of digits, however grouped, that is long enough
// to be a card number.
func holdsCardNumber(s string) bool {
	run, gap := 0, false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			run, gap = run+1, false
		case (r == ' ' || r == '-') && run > 0 && !gap:
			gap = true
		default:
			run, gap = 0, false
		}
		if run >= cardDigits {
			return true
		}
	}
	return false
}
