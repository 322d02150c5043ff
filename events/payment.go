package events

import "quittance.dev/events/money"

// Event types of payments.
const (
	TypePaymentSubmitted  Type = "dev.quittance.payment.submitted.v1"
	TypePaymentValidated  Type = "dev.quittance.payment.validated.v1"
	TypePaymentRejected   Type = "dev.quittance.payment.rejected.v1"
	TypePaymentCaptured   Type = "dev.quittance.payment.captured.v1"
	TypePaymentFailed     Type = "dev.quittance.payment.failed.v1"
	TypeProcessorNotified Type = "dev.quittance.processor.notified.v1"
)

// PaymentSubmitted says that somebody wants to pay an invoice. The means of
// payment stays in the payment's row and does not travel.
type PaymentSubmitted struct {
	PaymentID   string         `json:"payment_id"`
	InvoiceID   string         `json:"invoice_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
}

// Type is TypePaymentSubmitted.
func (PaymentSubmitted) Type() Type { return TypePaymentSubmitted }

// Subject is the payment.
func (d PaymentSubmitted) Subject() string { return d.PaymentID }

// PartitionKey is the invoice.
func (d PaymentSubmitted) PartitionKey() string { return d.InvoiceID }

// Validate checks ids, a positive amount and a known currency.
func (d PaymentSubmitted) Validate() error {
	return first(id("payment_id", d.PaymentID), id("invoice_id", d.InvoiceID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency))
}

// PaymentValidated says that the payment fits its invoice and may be charged.
type PaymentValidated struct {
	PaymentID   string         `json:"payment_id"`
	InvoiceID   string         `json:"invoice_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
}

// Type is TypePaymentValidated.
func (PaymentValidated) Type() Type { return TypePaymentValidated }

// Subject is the payment.
func (d PaymentValidated) Subject() string { return d.PaymentID }

// PartitionKey is the invoice.
func (d PaymentValidated) PartitionKey() string { return d.InvoiceID }

// Validate checks ids, a positive amount and a known currency.
func (d PaymentValidated) Validate() error {
	return first(id("payment_id", d.PaymentID), id("invoice_id", d.InvoiceID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency))
}

// PaymentRejected says that the payment does not fit its invoice: nothing was
// charged.
type PaymentRejected struct {
	PaymentID string `json:"payment_id"`
	InvoiceID string `json:"invoice_id"`
	Reason    Reason `json:"reason"`
}

// Type is TypePaymentRejected.
func (PaymentRejected) Type() Type { return TypePaymentRejected }

// Subject is the payment.
func (d PaymentRejected) Subject() string { return d.PaymentID }

// PartitionKey is the invoice.
func (d PaymentRejected) PartitionKey() string { return d.InvoiceID }

// Validate checks ids and reason.
func (d PaymentRejected) Validate() error {
	return first(id("payment_id", d.PaymentID), id("invoice_id", d.InvoiceID), reason(d.Reason))
}

// PaymentCaptured says that the processor took the money.
type PaymentCaptured struct {
	PaymentID          string         `json:"payment_id"`
	InvoiceID          string         `json:"invoice_id"`
	AmountMinor        int64          `json:"amount_minor"`
	Currency           money.Currency `json:"currency"`
	Processor          string         `json:"processor"`           // the processor's name, such as "stripe"
	ProcessorReference string         `json:"processor_reference"` // the processor's own id of the charge
}

// Type is TypePaymentCaptured.
func (PaymentCaptured) Type() Type { return TypePaymentCaptured }

// Subject is the payment.
func (d PaymentCaptured) Subject() string { return d.PaymentID }

// PartitionKey is the invoice.
func (d PaymentCaptured) PartitionKey() string { return d.InvoiceID }

// Validate checks ids, amount and the processor's reference.
func (d PaymentCaptured) Validate() error {
	return first(id("payment_id", d.PaymentID), id("invoice_id", d.InvoiceID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency),
		word("processor", d.Processor), word("processor_reference", d.ProcessorReference))
}

// PaymentFailed says that the processor refused: no money moved.
type PaymentFailed struct {
	PaymentID string `json:"payment_id"`
	InvoiceID string `json:"invoice_id"`
	Processor string `json:"processor"`
	Reason    Reason `json:"reason"` // the processor's code
}

// Type is TypePaymentFailed.
func (PaymentFailed) Type() Type { return TypePaymentFailed }

// Subject is the payment.
func (d PaymentFailed) Subject() string { return d.PaymentID }

// PartitionKey is the invoice.
func (d PaymentFailed) PartitionKey() string { return d.InvoiceID }

// Validate checks ids and reason.
func (d PaymentFailed) Validate() error {
	return first(id("payment_id", d.PaymentID), id("invoice_id", d.InvoiceID),
		word("processor", d.Processor), reason(d.Reason))
}

// ProcessorNotified says that a processor sent a webhook whose signature was
// right. It is a hint to look, not a fact to book: the payment function reads
// the charge back.
type ProcessorNotified struct {
	Processor          string `json:"processor"`
	NotificationID     string `json:"notification_id"`     // the processor's own event id
	ProcessorReference string `json:"processor_reference"` // the charge it speaks of
}

// Type is TypeProcessorNotified.
func (ProcessorNotified) Type() Type { return TypeProcessorNotified }

// Subject is the processor's charge.
func (d ProcessorNotified) Subject() string { return d.ProcessorReference }

// PartitionKey is the processor's charge.
func (d ProcessorNotified) PartitionKey() string { return d.ProcessorReference }

// Validate checks that all three are given.
func (d ProcessorNotified) Validate() error {
	return first(word("processor", d.Processor), word("notification_id", d.NotificationID),
		word("processor_reference", d.ProcessorReference))
}
