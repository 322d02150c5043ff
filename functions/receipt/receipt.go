package receipt

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
)

// Config is what the function receipt is told.
type Config struct {
	// Issuer is whose numbers the receipts count in: a row of
	// invoicing.receipt_counter. Empty means "quittance".
	Issuer string `env:"RECEIPT_ISSUER, default=quittance"`
	// IssuerName is what the document calls the issuer. Empty means
	// "Quittance".
	IssuerName string `env:"RECEIPT_ISSUER_NAME, default=Quittance"`
}

type room struct{ config Config }

// New makes the function.
func New(c Config) fn.Function {
	c.Issuer, c.IssuerName = cmp.Or(c.Issuer, "quittance"), cmp.Or(c.IssuerName, "Quittance")
	return fn.Function{
		Name: "receipt", InStep: true,
		Handlers: []fn.Handler{
			fn.LogWith(fn.Local(room{c}.issue), func(d events.InvoicePaid) []any {
				return []any{"invoice_id", d.InvoiceID, "payment_id", d.PaymentID, "account_id", d.AccountID}
			}),
		},
	}
}

var errNotPaid = errors.New("the invoice is not paid as the event says")

func (r room) issue(ctx context.Context, tx fn.Tx, in fn.In[events.InvoicePaid]) ([]events.Data, error) {
	var invoice invoicing.Invoice
	var payment invoicing.Payment
	issued := true
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) (err error) {
			invoice, err = invoicing.FindInvoice(ctx, tx, in.Data.InvoiceID)
			return err
		},
		func(tx fn.Tx) (err error) {
			payment, err = invoicing.FindPayment(ctx, tx, in.Data.PaymentID)
			return err
		},
		func(tx fn.Tx) error { return invoicing.HoldCounter(ctx, tx, r.config.Issuer) },
		func(tx fn.Tx) error {
			// Looked for under the counter's lock: the same fact under two event
			// ids finds its receipt here and takes no number.
			_, err := invoicing.FindReceipt(ctx, tx, in.Data.InvoiceID)
			if errors.Is(err, invoicing.ErrReceiptNotFound) {
				issued, err = false, nil
			}
			return err
		})
	switch {
	case errors.Is(err, invoicing.ErrInvoiceNotFound), errors.Is(err, invoicing.ErrPaymentNotFound):
		return nil, fn.Permanent(fmt.Errorf("invoice %s: %w", in.Data.InvoiceID, err))
	case err != nil:
		return nil, err
	case invoice.State != invoicing.InvoicePaid || invoice.PaymentID != payment.ID:
		return nil, fn.Permanent(fmt.Errorf("invoice %s: %w", invoice.ID, errNotPaid))
	case issued:
		return nil, nil
	}
	number, err := invoicing.TakeNumber(ctx, tx, r.config.Issuer)
	if err != nil {
		return nil, err
	}
	receipt := invoicing.Receipt{ID: fn.DeriveID("receipt", invoice.ID), InvoiceID: invoice.ID, PaymentID: payment.ID,
		Issuer: r.config.Issuer, Number: number, IssuedAt: tx.Now()}
	if receipt.PDF, err = Render(r.config.IssuerName, receipt, invoice, payment); err != nil {
		return nil, err
	}
	if err := invoicing.IssueReceipt(ctx, tx, receipt); err != nil {
		return nil, err
	}
	return []events.Data{events.ReceiptIssued{ReceiptID: receipt.ID, ReceiptNumber: receipt.FullNumber(),
		InvoiceID: invoice.ID, PaymentID: payment.ID}}, nil
}
