package api

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/identity"
)

// What is somebody else's is answered exactly like what is not there, and nothing
// is written (B02, A1). TestA1_AuthorizationMatrix goes through every route.
func TestB02_WhatIsSomebodyElsesIsNotThere(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	ada, eve := b.as("ada", identity.Customer), b.as("eve", identity.Customer, identity.Service)
	account, absent := ada.account("EUR"), uuid.NewString()
	invoice := ada.invoice(account)
	payment := as[Payment](t, ada.post("/invoices/"+invoice+"/payments", visa), 202).PaymentID
	operation := as[Accepted](t, ada.post("/deposit", movement(account, "1")), 200).OperationID
	before := b.rows()
	same := func(path, id, body string) {
		t.Helper()
		ask := func(id string) answer {
			if body == "" {
				return eve.get(fmt.Sprintf(path, id))
			}
			return eve.post(fmt.Sprintf(path, id), body)
		}
		foreign, missing := ask(id), ask(absent)
		refused(t, foreign, notFound)
		refused(t, missing, notFound)
		require.Len(t, foreign.body, len(missing.body), path)
	}
	for path, id := range map[string]string{
		"/accounts/%s": account, "/balances/%s": account, "/transactions/%s": account, "/closures/%s": account,
		"/operation-status/%s": operation, "/invoices/%s": invoice, "/invoices/%s/receipt": invoice, "/payments/%s": payment, "/journeys/%s": operation,
	} {
		same(path, id, "")
	}
	same("/accounts/%s/close", account, "{}")
	same("/invoices/%s/payments", invoice, visa)
	for _, path := range []string{"/deposit", "/withdraw"} {
		refused(t, eve.post(path, movement(account, "1")), notFound)
	}
	refused(t, eve.binary("e", "withdrawal.requested", payload(uuid.NewString(), account, 1)), notFound)
	refused(t, eve.binary("e", "deposit.requested", payload(uuid.NewString(), absent, 1)), notFound)
	require.Equal(t, `{"accounts":[]}`, eve.get("/accounts").body)
	require.Equal(t, before, b.rows())

	olga := b.as("olga", identity.Operator)
	for _, path := range []string{"/accounts/" + account, "/invoices/" + invoice, "/payments/" + payment, "/journeys/" + operation, "/operation-status/" + operation} {
		require.Equal(t, 200, olga.get(path).status, "an operator reads everything: %s", path)
	}
	refused(t, olga.post("/withdraw", movement(account, "1")), insufficientScope)
	refused(t, b.as("olga", identity.Operator, identity.Customer).post("/withdraw", movement(account, "1")), notFound)
}

// An invoice is its payee's and its payer's, and nobody else's.
func TestB02_PayeeAndPayerSeeAnInvoice(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	payee, payer, eve := b.as("payee", identity.Customer), b.as("payer", identity.Customer), b.as("eve", identity.Customer)
	account, customer := payee.account("EUR"), payer.customer()
	body := `{"account_id":"` + account + `","customer_id":"` + customer + `","amount":12.50,"currency":"EUR","reference":"Rent"}`
	refused(t, payer.post("/invoices", body), notFound)
	invoice := as[Invoice](t, payee.post("/invoices", body), 201).InvoiceID
	payment := as[Payment](t, payer.post("/invoices/"+invoice+"/payments", visa), 202).PaymentID
	for _, who := range []*bank{payee, payer} {
		require.Equal(t, 200, who.get("/invoices/"+invoice).status)
		require.Equal(t, 200, who.get("/payments/"+payment).status)
	}
	refused(t, eve.get("/invoices/"+invoice), notFound)
	refused(t, eve.get("/payments/"+payment), notFound)
	refused(t, eve.post("/invoices/"+invoice+"/payments", visa), notFound)
	refused(t, payer.get("/balances/"+account), notFound)
	refused(t, eve.post("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"EUR"}`), notFound)
}

// The same key of somebody else is another request.
func TestTheSameKeyOfTwoCallersIsTwoRequests(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	key := []string{"Idempotency-Key", "first"}
	ada := as[Customer](t, b.as("ada", identity.Customer).post("/customers", ada, key...), 201)
	eve := as[Customer](t, b.as("eve", identity.Customer).post("/customers", `{"name":"Eve","email":"eve@example.org","phone":"+41790000009"}`, key...), 201)
	require.NotEqual(t, ada.CustomerID, eve.CustomerID)
}

func TestB01_WhoeverBearsNoTokenIsSentAway(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	before := b.rows()
	nobody := *b
	nobody.token = ""
	got := nobody.post("/customers", "{ this is not even JSON")
	refused(t, got, invalidToken)
	require.Equal(t, `Bearer realm="quittance"`, got.header.Get("WWW-Authenticate"))
	for _, header := range []string{"Bearer", "Bearer ", "Basic YTpi", "bearer x", b.token, "Bearer  " + b.token} {
		got := nobody.ask("POST", "/customers", ada, "Authorization", header)
		refused(t, got, invalidToken)
		require.Equal(t, `Bearer realm="quittance", error="invalid_token"`, got.header.Get("WWW-Authenticate"))
	}
	twice := nobody.request("GET", "/accounts", "")
	twice.Header["Authorization"] = []string{"Bearer " + b.token, "Bearer " + b.token}
	refused(t, b.do(twice), invalidToken)
	refused(t, nobody.get("/accounts?access_token="+b.token), invalidToken)
	got = b.as("trude", identity.Treasury).post("/customers", ada)
	refused(t, got, insufficientScope)
	require.Equal(t, `Bearer realm="quittance", error="insufficient_scope", scope="customer service"`, got.header.Get("WWW-Authenticate"))
	require.Equal(t, before, b.rows())
	require.Equal(t, 201, nobody.ask("POST", "/customers", ada, "Authorization", "bEARER "+b.token).status)
	for _, path := range []string{"/docs", "/openapi.json", "/readyz"} {
		require.Equal(t, 200, nobody.get(path).status, path)
	}
}

// Keys of the issuer that cannot be had: nobody is let in, and it passes.
func TestB01_WithoutTheIssuerItIs503(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.issuer.Hide(true)
	got := b.get("/accounts")
	refused(t, got, unavailable)
	require.Equal(t, "1", got.header.Get("Retry-After"))
}

// A route that does not say who may use it is open to nobody, and the API does not
// start.
func TestARouteWithoutAnAccessRuleStopsTheStart(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.api.routes.handle("GET /undeclared", nil)
	require.Equal(t, []string{"GET /undeclared"}, b.api.routes.undeclared)
	got := b.get("/undeclared")
	refused(t, got, insufficientScope)
	_, err := build(Options{Host: b.api.host})
	require.ErrorContains(t, err, "verifier")
}
