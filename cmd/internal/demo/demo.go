package demo

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"quittance.dev/client"
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
	Gift       string // the bank transaction that gave Ada money
	Transfer   string // the transfer that moved some of it
	Refused    string // the one for which it was not enough
	Final      []State
}

// State is one promised final state, and where it was seen.
type State struct {
	What, Is string
}

// Payment plays the first journey: an invoice is paid by card, its payee's
// account credited, a receipt issued.
func Payment(ctx context.Context, o Options) (Result, error) {
	say, r := o.say(), Result{}
	ada, err := o.as("ada")
	if err != nil {
		return r, err
	}
	workshop, err := o.as("workshop")
	if err != nil {
		return r, err
	}
	payer, err := ada.CreateCustomer(ctx, ada.key("payer"), customer("Ada Example", "ada", "+41790000001"))
	if err != nil {
		return r, err
	}
	say("Ada and a workshop have signed in")
	payee, err := workshop.CreateCustomer(ctx, workshop.key("payee"), customer("Workshop Ltd", "workshop", "+41790000002"))
	if err != nil {
		return r, err
	}
	r.CustomerID = payer.Body.CustomerID
	account, err := workshop.OpenAccount(ctx, workshop.key("account"), client.NewAccount{
		CustomerID: payee.Body.CustomerID, Product: client.Current, Currency: "EUR"})
	if err != nil {
		return r, err
	}
	r.PayeeID = account.Body.AccountID
	say("the workshop has a current account")
	invoice, err := workshop.CreateInvoice(ctx, workshop.key("invoice"), client.NewInvoice{
		AccountID: r.PayeeID, CustomerID: r.CustomerID, Amount: "120.50", Currency: "EUR", Reference: "Order 1001",
	})
	if err != nil {
		return r, err
	}
	r.InvoiceID = invoice.Body.InvoiceID
	say("an invoice over 120.50 EUR is open")
	payment, err := ada.SubmitPayment(ctx, ada.key("payment"), r.InvoiceID, client.NewPayment{
		Amount: "120.50", Currency: "EUR", Method: client.Card, PaymentMethod: "pm_card_visa",
	})
	if err != nil {
		return r, err
	}
	r.PaymentID = payment.Body.PaymentID
	say("Ada's card payment is accepted")
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	if _, err := until(ctx, "the invoice is paid", of(ada.GetInvoice, r.InvoiceID), func(i client.Invoice) (bool, error) {
		if i.Status == client.InvoiceCancelled {
			return false, fmt.Errorf("it is %s", i.Status)
		}
		return i.Status == client.InvoicePaid, nil
	}); err != nil {
		return r, err
	}
	say("the card is charged, the invoice paid")
	balance, err := until(ctx, "the payee is credited", of(workshop.GetBalance, r.PayeeID), func(b client.Balance) (bool, error) {
		return b.Balance == "120.50", nil
	})
	if err != nil {
		return r, err
	}
	say("the workshop's account is credited")
	receipt, err := until(ctx, "the receipt exists", of(ada.GetReceipt, r.InvoiceID), func(pdf []byte) (bool, error) {
		return bytes.HasPrefix(pdf, []byte("%PDF-")), nil
	})
	if err != nil {
		return r, err
	}
	say("the receipt is issued")
	r.Final = []State{
		{"invoice", string(client.InvoicePaid)}, {"payee's balance", string(balance.Balance) + " EUR"},
		{"receipt", fmt.Sprintf("PDF of %d bytes", len(receipt))},
	}
	return r, nil
}

// Closing plays the second: a simple-savings account is filled once and
// emptied; it closes by itself, in Mambu first, then in E.
func Closing(ctx context.Context, o Options) (Result, error) {
	say, r := o.say(), Result{}
	ben, err := o.as("ben")
	if err != nil {
		return r, err
	}
	saver, err := ben.CreateCustomer(ctx, ben.key("saver"), customer("Ben Example", "ben", "+41790000003"))
	if err != nil {
		return r, err
	}
	r.CustomerID = saver.Body.CustomerID
	account, err := ben.OpenAccount(ctx, ben.key("savings"), client.NewAccount{CustomerID: r.CustomerID, Product: client.SimpleSavings, Currency: "EUR"})
	if err != nil {
		return r, err
	}
	r.SavingsID = account.Body.AccountID
	say("Ben has signed in and opened a simple-savings account")
	movement := client.Movement{AccountID: r.SavingsID, Amount: "250.00"}
	if _, err := o.operation(ctx, ben, "deposit", ben.Deposit, movement); err != nil {
		return r, err
	}
	say("250.00 EUR are deposited")
	if r.Withdrawal, err = o.operation(ctx, ben, "withdrawal", ben.Withdraw, movement); err != nil {
		return r, err
	}
	say("250.00 EUR are withdrawn: nothing is left, so the account closes itself")
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	closure, err := until(ctx, "the account is closed everywhere", of(ben.GetClosure, r.SavingsID), func(c client.Closure) (bool, error) {
		if c.State == client.ClosureParked {
			return false, fmt.Errorf("it is %s: %s", c.State, c.Reason)
		}
		return c.State == client.ClosureClosed, nil
	})
	if err != nil {
		return r, err
	}
	r.ClosureID = closure.ClosureID
	say("Mambu has closed it, then E")
	closure, err = until(ctx, "the customer is told", of(ben.GetClosure, r.SavingsID), func(c client.Closure) (bool, error) {
		return !c.EmailSentAt.IsZero(), nil
	})
	if err != nil {
		return r, err
	}
	say("the customer is told, once")
	closed, err := until(ctx, "the account reads as closed", of(ben.GetAccount, r.SavingsID), func(a client.Account) (bool, error) {
		return a.Status == client.AccountClosed, nil
	})
	if err != nil {
		return r, err
	}
	r.Final = []State{
		{"closure", string(closure.State)}, {"account", fmt.Sprintf("%s, balance %s EUR", closed.Status, closed.Balance)},
		{"mail sent at", closure.EmailSentAt.Format(time.RFC3339Nano)},
	}
	return r, nil
}

// operation asks for money in or out and waits until it has moved.
func (o Options) operation(ctx context.Context, p person, step string,
	ask func(context.Context, client.Key, client.Movement) (client.Answer[client.Accepted], error), m client.Movement) (string, error) {
	asked, err := ask(ctx, p.key(step), m)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	id := asked.Body.OperationID
	op, err := p.AwaitOperation(ctx, id)
	if err == nil && op.Status != client.Completed {
		err = fmt.Errorf("the %s has %s: %s", step, op.Status, op.Reason)
	}
	return id, err
}

func customer(name, box, phone string) client.NewCustomer {
	return client.NewCustomer{Name: name, Email: box + "@example.org", Phone: phone}
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
