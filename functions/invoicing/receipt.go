package invoicing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// Receipt is one row of invoicing.receipt.
type Receipt struct {
	ID        string
	InvoiceID string
	PaymentID string
	Issuer    string // whose numbers it counts in
	Number    int64  // from 1, without gaps per issuer
	PDF       []byte
	IssuedAt  time.Time
}

// FullNumber is the number as the document and receipt.issued show it: the
// issuer, then the number filled up to eight digits, so that numbers of one
// issuer sort as they were given.
func (r Receipt) FullNumber() string {
	return fmt.Sprintf("%s-%08d", strings.ToUpper(r.Issuer), r.Number)
}

// Errors of receipts.
var (
	ErrReceiptNotFound = errors.New("receipt not found")
	ErrIssuerUnknown   = errors.New("no receipt counter for this issuer")
)

// FindReceipt reads the receipt of an invoice.
func FindReceipt(ctx context.Context, q Querier, invoiceID string) (r Receipt, err error) {
	if !isUUID(invoiceID) {
		return r, ErrReceiptNotFound
	}
	err = q.QueryRow(ctx, `
		select id::text, invoice_id::text, payment_id::text, issuer, number, pdf, issued_at
		from invoicing.receipt where invoice_id = $1`, invoiceID).
		Scan(&r.ID, &r.InvoiceID, &r.PaymentID, &r.Issuer, &r.Number, &r.PDF, &r.IssuedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Receipt{}, ErrReceiptNotFound
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("read receipt: %w", err)
	}
	r.IssuedAt = r.IssuedAt.UTC()
	return r, nil
}

// TakeNumber gives the issuer's next receipt number and holds the counter until
// the transaction ends: whoever comes second waits, and a transaction that is
// rolled back leaves no gap. ErrIssuerUnknown when the issuer has no counter.
func TakeNumber(ctx context.Context, tx fn.Tx, issuer string) (int64, error) {
	var number int64
	err := tx.QueryRow(ctx, `
		update invoicing.receipt_counter set last = last + 1 where issuer = $1 returning last`, issuer).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrIssuerUnknown
	}
	if err != nil {
		return 0, fmt.Errorf("take receipt number: %w", err)
	}
	return number, nil
}

// HoldCounter waits for the issuer's counter and holds it until the transaction
// ends, without taking a number.
func HoldCounter(ctx context.Context, tx fn.Tx, issuer string) error {
	var last int64
	err := tx.QueryRow(ctx, `select last from invoicing.receipt_counter where issuer = $1 for update`, issuer).Scan(&last)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrIssuerUnknown
	}
	if err != nil {
		return fmt.Errorf("hold receipt counter: %w", err)
	}
	return nil
}

// IssueReceipt stores a receipt. The database refuses a second one for the
// invoice, and one of an invoice that this payment did not pay.
func IssueReceipt(ctx context.Context, tx fn.Tx, r Receipt) error {
	if _, err := tx.Exec(ctx, `
		insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		r.ID, r.InvoiceID, r.PaymentID, r.Issuer, r.Number, r.PDF, r.IssuedAt); err != nil {
		return fmt.Errorf("store receipt: %w", err)
	}
	return nil
}
