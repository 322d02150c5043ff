package client

import (
	"context"
	"net/http"
	"time"
)

// NewInvoice is an invoice that a payee writes.
type NewInvoice struct {
	AccountID  string `json:"account_id"`  // the payee's account; it is credited when the invoice is paid
	CustomerID string `json:"customer_id"` // the payer, who gets the receipt
	Amount     Amount `json:"amount"`
	Currency   string `json:"currency"`  // of the payee's account
	Reference  string `json:"reference"` // the payee's own name for it
}

// InvoiceStatus is how an invoice stands.
type InvoiceStatus string

// The statuses of an invoice.
const (
	InvoiceOpen      InvoiceStatus = "open"
	InvoicePaid      InvoiceStatus = "paid"
	InvoiceCancelled InvoiceStatus = "cancelled"
)

// Invoice is what is owed.
type Invoice struct {
	InvoiceID  string        `json:"invoice_id"`
	AccountID  string        `json:"account_id"`
	CustomerID string        `json:"customer_id"`
	Amount     Amount        `json:"amount"`
	Currency   string        `json:"currency"`
	Reference  string        `json:"reference"`
	Status     InvoiceStatus `json:"status"`
	CreatedAt  time.Time     `json:"created_at"`
	PaidAt     time.Time     `json:"paid_at,omitzero"`
	PaymentID  string        `json:"payment_id,omitempty"` // the payment that paid it
	Payments   []Payment     `json:"payments"`             // oldest first
	Receipt    *ReceiptLink  `json:"receipt,omitempty"`    // there once the invoice is paid
}

// ReceiptLink says where a receipt is.
type ReceiptLink struct {
	Number   int64     `json:"number"` // counts without gaps
	IssuedAt time.Time `json:"issued_at"`
	Href     string    `json:"href"`
}

// PaymentMethod is the means of a payment.
type PaymentMethod string

// Card is a card, charged by the card processor.
const Card PaymentMethod = "card"

// NewPayment pays an invoice.
type NewPayment struct {
	Amount        Amount        `json:"amount"`   // the invoice's
	Currency      string        `json:"currency"` // the invoice's
	Method        PaymentMethod `json:"method"`
	PaymentMethod string        `json:"payment_method"` // the card processor's token, never the card's number
}

// PaymentStatus is how a payment stands.
type PaymentStatus string

// The statuses of a payment. One that failed may still become captured: a processor
// can find out late. PaymentRefundDue: the money was taken when the invoice did not
// need it any more.
const (
	PaymentSubmitted PaymentStatus = "submitted"
	PaymentValidated PaymentStatus = "validated"
	PaymentRejected  PaymentStatus = "rejected"
	PaymentCharging  PaymentStatus = "charging"
	PaymentPending   PaymentStatus = "pending"
	PaymentCaptured  PaymentStatus = "captured"
	PaymentFailed    PaymentStatus = "failed"
	PaymentRefundDue PaymentStatus = "refund_due"
)

// Payment is one payment of an invoice.
type Payment struct {
	PaymentID          string        `json:"payment_id"`
	InvoiceID          string        `json:"invoice_id"`
	Amount             Amount        `json:"amount"`
	Currency           string        `json:"currency"`
	Method             PaymentMethod `json:"method"`
	Status             PaymentStatus `json:"status"`
	Reason             string        `json:"reason,omitempty"` // why it was refused or is to be given back
	Processor          string        `json:"processor,omitempty"`
	ProcessorReference string        `json:"processor_reference,omitempty"`
	SubmittedAt        time.Time     `json:"submitted_at"`
	ChargedAt          time.Time     `json:"charged_at,omitzero"`
	UpdatedAt          time.Time     `json:"updated_at"`
}

// CreateInvoice writes an invoice.
func (c *Client) CreateInvoice(ctx context.Context, key Key, wanted NewInvoice) (Answer[Invoice], error) {
	return change[Invoice](ctx, c, key, "/invoices", wanted)
}

// GetInvoice reads an invoice, with its payments.
func (c *Client) GetInvoice(ctx context.Context, invoiceID string) (Invoice, error) {
	return read[Invoice](ctx, c, in("/invoices/%s", invoiceID), nil)
}

// GetReceipt reads the receipt of a paid invoice, a PDF.
func (c *Client) GetReceipt(ctx context.Context, invoiceID string) ([]byte, error) {
	answer, err := c.send(ctx, request{method: http.MethodGet, path: in("/invoices/%s/receipt", invoiceID)})
	if err != nil {
		return nil, err
	}
	return answer.body, nil
}

// SubmitPayment pays an invoice. The card is charged after the answer.
func (c *Client) SubmitPayment(ctx context.Context, key Key, invoiceID string, p NewPayment) (Answer[Payment], error) {
	return change[Payment](ctx, c, key, in("/invoices/%s/payments", invoiceID), p)
}

// GetPayment reads a payment.
func (c *Client) GetPayment(ctx context.Context, paymentID string) (Payment, error) {
	return read[Payment](ctx, c, in("/payments/%s", paymentID), nil)
}
