package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"quittance.dev/cmd/internal/issuer"
)

// Options of a run.
type Options struct {
	API string // base URL
	// Logins signs in the people of the demo.
	Logins *Logins
	HTTP   *http.Client
	// Run names the run: the same name plays the same run.
	Run string
	// Say is told of each step as it is done; may be nil.
	Say func(step string)
	// Timeout bounds each wait; default 2 min.
	Timeout time.Duration
}

// Result is what a run made, for a look at the books.
type Result struct {
	CustomerID string
	PaymentID  string
	InvoiceID  string
	PayeeID    string // the account that the invoice pays into
	SavingsID  string // the account that closed
	ClosureID  string
	Withdrawal string // the operation that emptied it
	Final      []State
}

// State is one promised final state, and where it was seen.
type State struct {
	What, Is string
}

// Payment plays the first journey: an invoice is paid by card, its payee's
// account credited, a receipt issued.
func Payment(ctx context.Context, o Options) (Result, error) {
	ada, workshop, say, r := o.client("ada"), o.client("workshop"), o.say(), Result{}
	payer, err := ada.post(ctx, "payer", "/customers", customer("Ada Example", "ada", "+41790000001"))
	if err != nil {
		return r, err
	}
	say("Ada and a workshop have signed in")
	payee, err := workshop.post(ctx, "payee", "/customers", customer("Workshop Ltd", "workshop", "+41790000002"))
	if err != nil {
		return r, err
	}
	r.CustomerID = payer.text("customer_id")
	account, err := workshop.post(ctx, "account", "/accounts", object{"customer_id": payee.text("customer_id"), "product": "current", "currency": "EUR"})
	if err != nil {
		return r, err
	}
	r.PayeeID = account.text("account_id")
	say("the workshop has a current account")
	invoice, err := workshop.post(ctx, "invoice", "/invoices", object{
		"account_id": r.PayeeID, "customer_id": r.CustomerID,
		"amount": json.Number("120.50"), "currency": "EUR", "reference": "Order 1001",
	})
	if err != nil {
		return r, err
	}
	r.InvoiceID = invoice.text("invoice_id")
	say("an invoice over 120.50 EUR is open")
	payment, err := ada.post(ctx, "payment", "/invoices/"+r.InvoiceID+"/payments", object{
		"amount": json.Number("120.50"), "currency": "EUR", "method": "card", "payment_method": "pm_card_visa",
	})
	if err != nil {
		return r, err
	}
	r.PaymentID = payment.text("payment_id")
	say("Ada's card payment is accepted")
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	if _, err := ada.until(ctx, "the invoice is paid", "/invoices/"+r.InvoiceID, is("status", "paid", "cancelled")); err != nil {
		return r, err
	}
	say("the card is charged, the invoice paid")
	balance, err := workshop.until(ctx, "the payee is credited", "/balances/"+r.PayeeID, is("balance", "120.50"))
	if err != nil {
		return r, err
	}
	say("the workshop's account is credited")
	receipt, err := ada.until(ctx, "the receipt exists", "/invoices/"+r.InvoiceID+"/receipt", func(o object) (bool, error) {
		return strings.HasPrefix(o.text("pdf"), "%PDF-"), nil
	})
	if err != nil {
		return r, err
	}
	say("the receipt is issued")
	r.Final = []State{
		{"invoice", "paid"}, {"payee's balance", balance.text("balance") + " EUR"},
		{"receipt", fmt.Sprintf("PDF of %d bytes", len(receipt.text("pdf")))},
	}
	return r, nil
}

// Closing plays the second: a simple-savings account is filled once and
// emptied; it closes by itself, in Mambu first, then in E.
func Closing(ctx context.Context, o Options) (Result, error) {
	c, say, r := o.client("ben"), o.say(), Result{}
	saver, err := c.post(ctx, "saver", "/customers", customer("Ben Example", "ben", "+41790000003"))
	if err != nil {
		return r, err
	}
	r.CustomerID = saver.text("customer_id")
	account, err := c.post(ctx, "savings", "/accounts", object{"customer_id": r.CustomerID, "product": "simple-savings", "currency": "EUR"})
	if err != nil {
		return r, err
	}
	r.SavingsID = account.text("account_id")
	say("Ben has signed in and opened a simple-savings account")
	if _, err := o.operation(ctx, c, "deposit", "/deposit", r.SavingsID); err != nil {
		return r, err
	}
	say("250.00 EUR are deposited")
	if r.Withdrawal, err = o.operation(ctx, c, "withdrawal", "/withdraw", r.SavingsID); err != nil {
		return r, err
	}
	say("250.00 EUR are withdrawn: nothing is left, so the account closes itself")
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	closure, err := c.until(ctx, "the account is closed everywhere", "/closures/"+r.SavingsID, is("state", "CLOSED", "PARKED"))
	if err != nil {
		return r, err
	}
	r.ClosureID = closure.text("closure_id")
	say("Mambu has closed it, then E")
	closure, err = c.until(ctx, "the customer is told", "/closures/"+r.SavingsID, func(o object) (bool, error) {
		return o.text("email_sent_at") != "", nil
	})
	if err != nil {
		return r, err
	}
	say("the customer is told, once")
	status, err := c.until(ctx, "the account reads as closed", "/accounts/"+r.SavingsID, is("status", "closed"))
	if err != nil {
		return r, err
	}
	r.Final = []State{
		{"closure", closure.text("state")}, {"account", status.text("status") + ", balance " + status.text("balance") + " EUR"},
		{"mail sent at", closure.text("email_sent_at")},
	}
	return r, nil
}

// operation asks for 250.00 in or out and waits until it is completed.
func (o Options) operation(ctx context.Context, c *client, step, path, account string) (string, error) {
	asked, err := c.post(ctx, step, path, object{"account_id": account, "amount": json.Number("250.00")})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	id := asked.text("operation_id")
	_, err = c.until(ctx, "the "+step+" is completed", "/operation-status/"+id, is("status", "COMPLETED", "FAILED"))
	return id, err
}

// is waits for a field to have the wanted value; one of the others ends the
// wait as a failure.
func is(field, want string, others ...string) func(object) (bool, error) {
	return func(o object) (bool, error) {
		for _, other := range others {
			if o.text(field) == other {
				return false, fmt.Errorf("%s is %s: %v", field, other, o)
			}
		}
		return o.text(field) == want, nil
	}
}

func customer(name, box, phone string) object {
	return object{"name": name, "email": box + "@example.org", "phone": phone}
}

// client calls the API as the user of the laptop with this name.
func (o Options) client(name string) *client {
	h := o.HTTP
	if h == nil {
		h = &http.Client{Timeout: 30 * time.Second}
	}
	return &client{base: o.API, http: h, run: o.Run, token: func(ctx context.Context) (string, error) {
		for _, u := range issuer.Users() {
			if u.Name == name {
				return o.Logins.Token(ctx, u.Email, u.Password())
			}
		}
		return "", fmt.Errorf("nobody is called %s", name)
	}}
}

func (o Options) say() func(string) {
	if o.Say == nil {
		return func(string) {}
	}
	return o.Say
}

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return 2 * time.Minute
	}
	return o.Timeout
}
