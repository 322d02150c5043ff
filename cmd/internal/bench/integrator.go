package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/events"
)

// integrator plays journeys through the bank's API.
type integrator struct {
	bank *bank.Bank
	hops *hopBook
	http *http.Client
	// token of somebody who may do all of this
	token string
}

type object map[string]any

// post sends a command and returns its answer and the id of the journey that it
// set going.
func (i *integrator) post(ctx context.Context, path string, body object) (answer object, journey string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.bank.APIURL+path, bytes.NewReader(raw))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+i.token)
	request.Header.Set("Idempotency-Key", uuid.NewString())
	response, err := i.http.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	if raw, err = io.ReadAll(response.Body); err != nil {
		return nil, "", err
	}
	if response.StatusCode/100 != 2 {
		return nil, "", fmt.Errorf("%s: %s: %s", path, response.Status, raw)
	}
	return answer, response.Header.Get("Quittance-Journey"), json.Unmarshal(raw, &answer)
}

// make posts and returns one id of the answer.
func (i *integrator) make(ctx context.Context, path, id string, body object) (string, error) {
	answer, _, err := i.post(ctx, path, body)
	if err != nil {
		return "", err
	}
	made, _ := answer[id].(string)
	if made == "" {
		return "", fmt.Errorf("%s: the answer has no %s", path, id)
	}
	return made, nil
}

// pair is what one journey of each kind starts from: an invoice that waits for
// its payment, and a savings account with 250.00 in it.
type pair struct{ invoice, savings string }

// prepare makes a pair; none of it is measured.
func (i *integrator) prepare(ctx context.Context) (p pair, err error) {
	customer, err := i.make(ctx, "/customers", "customer_id",
		object{"name": "Ada Example", "email": "ada@example.org", "phone": "+41790000001"})
	if err != nil {
		return p, err
	}
	account := func(product events.Product) (string, error) {
		return i.make(ctx, "/accounts", "account_id", object{"customer_id": customer, "product": product, "currency": "EUR"})
	}
	payee, err := account(events.Current)
	if err != nil {
		return p, err
	}
	if p.savings, err = account(events.SimpleSavings); err != nil {
		return p, err
	}
	if p.invoice, err = i.make(ctx, "/invoices", "invoice_id", object{
		"account_id": payee, "customer_id": customer, "amount": json.Number("120.50"), "currency": "EUR", "reference": "Order 1001",
	}); err != nil {
		return p, err
	}
	_, deposit, err := i.post(ctx, "/deposit", object{"account_id": p.savings, "amount": json.Number("250.00")})
	if err != nil {
		return p, err
	}
	return p, i.hops.wait(ctx, deposit, map[handled]int{
		{events.TypeDepositCompleted, "banking"}: 1, {events.TypeDepositCompleted, "query"}: 1,
		{events.TypeNotificationSent, "closure-e"}: 1,
	})
}

// pay plays the first journey: a card payment, until the payee is credited and
// the receipt is in the mail.
func (i *integrator) pay(ctx context.Context, p pair) (journey string, err error) {
	if _, journey, err = i.post(ctx, "/invoices/"+p.invoice+"/payments", object{
		"amount": json.Number("120.50"), "currency": "EUR", "method": "card", "payment_method": "pm_card_visa",
	}); err != nil {
		return "", err
	}
	return journey, i.hops.wait(ctx, journey, map[handled]int{
		{events.TypeInvoiceCredited, "query"}: 1, {events.TypeNotificationSent, "closure-e"}: 1,
		{events.TypeProcessorNotified, "payment"}: 1,
	})
}

// empty plays the second: the withdrawal that empties the account, until it is
// closed everywhere and the customer is told of both.
func (i *integrator) empty(ctx context.Context, p pair) (journey string, err error) {
	if _, journey, err = i.post(ctx, "/withdraw", object{"account_id": p.savings, "amount": json.Number("250.00")}); err != nil {
		return "", err
	}
	return journey, i.hops.wait(ctx, journey, map[handled]int{
		{events.TypeWithdrawalCompleted, "banking"}: 1, {events.TypeWithdrawalCompleted, "query"}: 1,
		{events.TypeClosureStarted, "query"}:  1,
		{events.TypeAccountClosed, "banking"}: 1, {events.TypeAccountClosed, "query"}: 1,
		{events.TypeNotificationSent, "closure-e"}: 2,
	})
}
