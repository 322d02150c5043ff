package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/invoicing"
)

// NewInvoice is what somebody is to pay.
type NewInvoice struct {
	AccountID  ID       `json:"account_id" doc:"The payee's account; it is credited when the invoice is paid."`
	CustomerID ID       `json:"customer_id" doc:"The payer, who gets the receipt."`
	Amount     Positive `json:"amount" doc:"In the currency's major unit, read exactly: no exponent, no more fraction digits than the currency has."`
	Currency   Currency `json:"currency" doc:"The currency of the payee's account."`
	Reference  Line     `json:"reference" maxLength:"140" doc:"The payee's own name for it, on the receipt." example:"Rent, March"`
}

// Invoice is an invoice and how it stands.
type Invoice struct {
	InvoiceID  string                 `json:"invoice_id" doc:"The id."`
	AccountID  string                 `json:"account_id" doc:"The payee's account."`
	CustomerID string                 `json:"customer_id" doc:"The payer."`
	Amount     Amount                 `json:"amount" doc:"In the currency's major unit."`
	Currency   string                 `json:"currency" doc:"ISO 4217 code."`
	Reference  string                 `json:"reference" doc:"The payee's own name for it."`
	Status     invoicing.InvoiceState `json:"status" doc:"How it stands." enum:"open,paid,cancelled"`
	CreatedAt  time.Time              `json:"created_at" doc:"Since when."`
	PaidAt     time.Time              `json:"paid_at,omitzero" doc:"When it was paid."`
	PaymentID  string                 `json:"payment_id,omitempty" doc:"The payment that paid it."`
	Payments   []Payment              `json:"payments" nullable:"false" doc:"All that were made for it, oldest first."`
	Receipt    *ReceiptLink           `json:"receipt,omitempty" doc:"There once the invoice is paid."`
}

// ReceiptLink leads to a receipt.
type ReceiptLink struct {
	Number   int64     `json:"number" doc:"Counts without gaps."`
	IssuedAt time.Time `json:"issued_at" doc:"Since when."`
	Href     string    `json:"href" doc:"Where it is, as PDF."`
}

func invoiceOf(i invoicing.Invoice, payments []invoicing.Payment, receipt *receiptRow) Invoice {
	told := Invoice{
		InvoiceID: i.ID, AccountID: i.AccountID, CustomerID: i.CustomerID, Amount: amountOf(i.AmountMinor, i.Currency),
		Currency: string(i.Currency), Reference: i.Reference, Status: i.State, CreatedAt: i.CreatedAt, PaidAt: i.PaidAt,
		PaymentID: i.PaymentID, Payments: make([]Payment, len(payments)),
	}
	for n, p := range payments {
		told.Payments[n] = paymentOf(p)
	}
	if receipt != nil {
		told.Receipt = &ReceiptLink{Number: receipt.Number, IssuedAt: receipt.IssuedAt.UTC(), Href: "/invoices/" + i.ID + "/receipt"}
	}
	return told
}

// InvoicePath is the input of routes about one invoice.
type InvoicePath struct {
	InvoiceID string `path:"invoice_id" doc:"The invoice."`
}

func (a *api) invoiceRoutes() {
	a.createInvoice()
	a.readInvoice()
	a.readReceipt()
}

func (a *api) createInvoice() {
	type input struct {
		Keyed
		Body NewInvoice
	}
	op := huma.Operation{
		OperationID: "create-invoice", Method: http.MethodPost, Path: "/invoices", Tags: []string{"Invoices"}, Security: allow(identity.Customer, identity.Service),
		Summary: "Write an invoice", DefaultStatus: http.StatusCreated,
		Description: "The payee's account must be yours, open and kept in the invoice's currency. The payer may be anybody's customer; payee and payer both see the invoice, and either may pay it.",
	}
	registerCommand(a, op, []kind{notFound, accountNotOpen}, func(ctx context.Context, in *input, c *command) (work[Invoice], error) {
		wanted, err := newInvoice(c.id, in.Body)
		if err == nil {
			err = a.payable(ctx, wanted)
		}
		return func(ctx context.Context, tx fn.Tx) (made[Invoice], []events.Data, error) {
			if err := invoicing.CreateInvoice(ctx, tx, wanted); err != nil {
				return made[Invoice]{}, nil, err
			}
			stored, err := readInvoice(ctx, tx, wanted.ID)
			return made[Invoice]{body: stored, location: "/invoices/" + wanted.ID, quiet: true}, nil, err
		}, err
	})
}

// newInvoice is what the body says, with an exact amount.
func newInvoice(id string, body NewInvoice) (invoicing.NewInvoice, error) {
	currency, err := body.Currency.known()
	if err != nil {
		return invoicing.NewInvoice{}, err
	}
	minor, err := body.Amount.in(currency)
	return invoicing.NewInvoice{
		ID: id, AccountID: string(body.AccountID), CustomerID: string(body.CustomerID),
		AmountMinor: minor, Currency: currency, Reference: string(body.Reference),
	}, err
}

// payable checks an invoice against the payee's account and the payer: what is
// paid for it must have a place to go.
func (a *api) payable(ctx context.Context, wanted invoicing.NewInvoice) error {
	account, inLedger, err := a.ownAccount(ctx, wanted.AccountID)
	if err != nil {
		return err
	}
	if _, err := accounts.FindCustomer(ctx, a.host.Pool(), wanted.CustomerID); err != nil {
		return err
	}
	switch {
	case account.Currency != wanted.Currency:
		return invalidContent.problem(FieldError{Pointer: "/currency", Detail: "must be the currency of the payee's account"})
	case inLedger.Status == "closing":
		return accountNotOpen.problem().because(string(events.AccountIsClosing))
	case inLedger.Status != "open":
		return accountNotOpen.problem().because(string(events.AccountIsClosed))
	}
	return nil
}

func (a *api) readInvoice() {
	type output struct{ Body Invoice }
	register(a, huma.Operation{
		OperationID: "get-invoice", Method: http.MethodGet, Path: "/invoices/{invoice_id}", Tags: []string{"Invoices"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Read an invoice with its payments",
	}, []kind{notFound}, func(ctx context.Context, in *InvoicePath) (*output, error) {
		if err := a.readsInvoice(ctx, in.InvoiceID); err != nil {
			return nil, err
		}
		found, err := readInvoice(ctx, a.host.Pool(), in.InvoiceID)
		return &output{found}, err
	})
}

func (a *api) readsInvoice(ctx context.Context, id string) error {
	return a.reads(ctx, ownersOfInvoice, id)
}

// readInvoice reads an invoice with its payments and its receipt.
func readInvoice(ctx context.Context, q querier, id string) (Invoice, error) {
	found, err := invoicing.FindInvoice(ctx, q, id)
	if err != nil {
		return Invoice{}, err
	}
	payments, err := invoicing.PaymentsOf(ctx, q, id)
	if err != nil {
		return Invoice{}, err
	}
	receipt, err := receiptOf(ctx, q, id)
	return invoiceOf(found, payments, receipt), err
}

func (a *api) readReceipt() {
	type output struct {
		ContentType        string `header:"Content-Type" doc:"application/pdf"`
		ContentDisposition string `header:"Content-Disposition" doc:"It is to be saved, not shown."`
		Body               []byte
	}
	register(a, huma.Operation{
		OperationID: "get-receipt", Method: http.MethodGet, Path: "/invoices/{invoice_id}/receipt", Tags: []string{"Invoices"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Download the receipt of a paid invoice",
		Responses: map[string]*huma.Response{"200": {
			Description: "The receipt.",
			Content:     map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
		}},
	}, []kind{notFound}, func(ctx context.Context, in *InvoicePath) (*output, error) {
		if err := a.readsInvoice(ctx, in.InvoiceID); err != nil {
			return nil, err
		}
		receipt, err := invoicing.FindReceipt(ctx, a.host.Pool(), in.InvoiceID)
		if err != nil {
			return nil, err
		}
		return &output{
			ContentType:        "application/pdf",
			ContentDisposition: fmt.Sprintf(`attachment; filename="receipt-%d.pdf"`, receipt.Number),
			Body:               receipt.PDF,
		}, nil
	})
}
