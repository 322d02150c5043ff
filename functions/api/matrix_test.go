package api

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
)

// row says how a route is used and what its owner gets. Everything else follows
// from the document: who is let in from its security, where ids stand from its
// parameters and bodies.
type row struct {
	status int    // for the owner, and for an operator where the route is open to one
	body   string // with {places}
	query  string // with {places}
	header []string
	// foreign are places at which somebody else's id is meant to be taken, with what
	// comes of it.
	foreign map[string]outcome
	// signed routes are open to everybody and refuse all who cannot sign.
	signed bool
}

// outcome of an id that is not the caller's own: if it is somebody else's, and if
// it is nobody's.
type outcome struct {
	foreign, absent int
	why             string
}

var matrix = map[string]row{
	"POST /customers":                      {status: 201, body: ada},
	"POST /accounts":                       {status: 201, body: `{"customer_id":"{customer_id}","product":"current","currency":"EUR"}`},
	"GET /accounts":                        {status: 200, query: "customer_id={customer_id}", foreign: map[string]outcome{"customer_id": {200, 200, "an empty list"}}},
	"GET /accounts/{account_id}":           {status: 200},
	"POST /accounts/{account_id}/close":    {status: 202, body: `{}`},
	"POST /deposit":                        {status: 200, body: `{"account_id":"{account_id}","amount":1}`},
	"POST /withdraw":                       {status: 200, body: `{"account_id":"{account_id}","amount":1}`},
	"GET /operation-status/{operation_id}": {status: 200},
	"POST /api/v1/transaction": {status: 200,
		body:    `{"src_account_id":"{src_account_id}","dst_account_id":"{dst_account_id}","amount":1,"direction":"debit"}`,
		foreign: map[string]outcome{"dst_account_id": {200, 200, "the other side may be anybody's, and the ledger says whether it is there"}}},
	"POST /api/v1/bank_transactions": {status: 200, body: `{"dst_account_id":"{dst_account_id}","amount":1,"direction":"credit","reason":"Gift"}`},
	"GET /api/v1/bank_transactions":  {status: 200, query: "account_id={account_id}", foreign: map[string]outcome{"account_id": {200, 200, "whoever may ask sees all; an empty list"}}},
	"GET /idempotency/{key}":         {status: 200},
	"GET /balances":                  {status: 200, query: "customer_id={customer_id}", foreign: map[string]outcome{"customer_id": {200, 200, "an empty list"}}},
	"GET /balances/{account_id}":     {status: 200},
	"GET /transactions/{account_id}": {status: 200},
	"GET /api/v1/transactions":       {status: 200, query: "account_id={account_id}"},
	"POST /invoices": {status: 201,
		body:    `{"account_id":"{account_id}","customer_id":"{customer_id}","amount":1,"currency":"EUR","reference":"Rent"}`,
		foreign: map[string]outcome{"customer_id": {201, 404, "the payer may be anybody's customer"}}},
	"GET /invoices/{invoice_id}":           {status: 200},
	"POST /invoices/{invoice_id}/payments": {status: 202, body: visa},
	"GET /invoices/{invoice_id}/receipt":   {status: 200},
	"GET /payments/{payment_id}":           {status: 200},
	"GET /closures/{account_id}":           {status: 200},
	"GET /journeys/{journey_id}":           {status: 200},
	"GET /dead-letters":                    {status: 200},
	"POST /events": {status: 202,
		body:    `{"operation_id":"{operation_id}","account_id":"{account_id}","amount_minor":1,"currency":"EUR"}`,
		header:  []string{"Ce-Specversion", "1.0", "Ce-Source", "https://shop.example", "Ce-Type", "dev.quittance.withdrawal.requested.v1"},
		foreign: map[string]outcome{"operation_id": {422, 202, "a new name, the sender's to choose; a name that is taken is a conflict"}}},
	"POST /webhooks/stripe": {status: 401, signed: true, body: `{}`},
}

// belongings are one principal's, by the place at which their ids stand.
type belongings map[string]string

// own makes one of everything for who.
func (b *bank) own(who *bank) belongings {
	b.t.Helper()
	key := uuid.NewString()
	customer := as[Customer](b.t, who.post("/customers", ada, "Idempotency-Key", key), 201).CustomerID
	account := as[Account](b.t, who.post("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"EUR"}`), 201).AccountID
	second := as[Account](b.t, who.post("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"EUR"}`), 201).AccountID
	operation := as[Accepted](b.t, who.post("/deposit", movement(account, "1")), 200).OperationID
	invoice := as[Invoice](b.t, who.post("/invoices", `{"account_id":"`+account+`","customer_id":"`+customer+`","amount":12.50,"currency":"EUR","reference":"Rent"}`), 201).InvoiceID
	payment := as[Payment](b.t, who.post("/invoices/"+invoice+"/payments", visa), 202).PaymentID
	for _, sql := range []string{
		`update invoicing.payment set state = 'validated' where id = $1`,
		`update invoicing.payment set state = 'charging', processor = 'stripe', charge_key = gen_random_uuid(), charge_key_at = now(), journey = $1::text where id = $1`,
		`update invoicing.payment set state = 'captured', processor_reference = 'pi_' || $1::text, charged_at = now() where id = $1`,
		`update invoicing.invoice i set state = 'paid', payment_id = $1, paid_at = now() from invoicing.payment p where p.id = $1 and i.id = p.invoice_id`,
		`insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at)
		 select gen_random_uuid(), invoice_id, id, 'quittance', (select 1 + count(*) from invoicing.receipt), '%PDF-1.4 tiny'::bytea, now() from invoicing.payment where id = $1`,
	} {
		b.exec(sql, payment)
	}
	b.exec(`insert into closure.account_closure (account_id, closure_id, notes) values ($1, gen_random_uuid(), '')`, account)
	return belongings{
		"customer_id": customer, "account_id": account, "operation_id": operation, "invoice_id": invoice, "payment_id": payment,
		"journey_id": operation, "key": key, "src_account_id": account, "dst_account_id": second,
	}
}

// ask uses the route with these ids.
func (r row) ask(who *bank, route string, ids belongings) answer {
	method, path, _ := strings.Cut(route, " ")
	if r.query != "" {
		path += "?" + r.query
	}
	body := r.body
	for place, id := range ids {
		path, body = strings.ReplaceAll(path, "{"+place+"}", id), strings.ReplaceAll(body, "{"+place+"}", id)
	}
	return who.ask(method, path, body, append([]string{"Ce-Id", uuid.NewString()}, r.header...)...)
}

// placesOf finds where an id can stand: parameters in the path, and whatever ends
// in _id in the query and in bodies.
func placesOf(document *huma.OpenAPI, op *huma.Operation) []string {
	places := map[string]bool{}
	for _, p := range op.Parameters {
		if p.In == "path" || (p.In == "query" && strings.HasSuffix(p.Name, "_id")) {
			places[p.Name] = true
		}
	}
	var visit func(s *huma.Schema)
	visit = func(s *huma.Schema) {
		if s = resolve(document, s); s == nil {
			return
		}
		visit(s.Items)
		for name, member := range s.Properties {
			if strings.HasSuffix(name, "_id") {
				places[name] = true
			}
			visit(member)
		}
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			visit(media.Schema)
		}
	}
	return slices.Sorted(maps.Keys(places))
}

// A1, B02: every route x {owner, other customer, operator, treasury, no token,
// expired, wrong audience} x every place at which an id can stand. A route without
// a row fails.
func TestA1_AuthorizationMatrix(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	document := b.api.huma.OpenAPI()
	both := []identity.Scope{identity.Customer, identity.Service}
	owner, stranger := b.as("owner", both...), b.as("stranger", both...)
	routes := operations(t, document)
	for route := range matrix {
		require.Contains(t, routes, route, "there is no such route any more")
	}
	checked := 0
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		op := routes[route]
		r, there := matrix[route]
		require.True(t, there, "%s has no row in the matrix: say who gets what", route)
		mine, theirs := b.own(owner), b.own(stranger)
		if route == "POST /events" { // the sender names the operation
			mine["operation_id"] = uuid.NewString()
		}
		places := placesOf(document, op)
		for _, place := range places {
			require.Contains(t, route+r.query+r.body, "{"+place+"}", "%s: the row does not use the place %s", route, place)
			require.Contains(t, mine, place, "%s: nobody has a %s in this test", route, place)
		}
		before := b.rows()
		checked += r.lockedOut(t, b, route, op, mine)
		if !r.signed {
			checked += r.notOnesOwn(t, owner, stranger, route, op, places, mine, theirs)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(r.foreign)), func(o outcome) bool { return o.foreign/100 == 2 || o.absent/100 == 2 }) || strings.HasPrefix(route, "GET ") {
			require.Equal(t, before, b.rows(), "%s: nothing is written for any of them", route)
		}
		checked += r.letIn(t, b, route, op, mine)
	}
	t.Logf("%d requests, %d routes", checked, len(routes))
	require.Greater(t, checked, 10*len(routes))
}

// lockedOut asks as everybody for whom the route is not.
func (r row) lockedOut(t *testing.T, b *bank, route string, op *huma.Operation, ids belongings) (checked int) {
	t.Helper()
	scopes := scopesOf(op)
	claims := func(change string, value any) string {
		c := identitytest.Claims("owner", everything...)
		c[change] = value
		return b.issuer.Sign(c)
	}
	for what, token := range map[string]string{
		"no token": "", "expired": claims("exp", time.Now().Add(-2*time.Minute).Unix()), "wrong audience": claims("aud", "another"),
		"another issuer": claims("iss", "https://evil.example"),
	} {
		who := *b
		who.token = token
		got := r.ask(&who, route, ids)
		want := invalidToken
		if r.signed {
			want = badSignature
		}
		require.Equal(t, want.status, got.status, "%s, %s: %s", route, what, got.body)
		refused(t, got, want)
		checked++
	}
	for scope := range identity.Scopes() {
		if r.signed || slices.Contains(scopes, scope) {
			continue
		}
		got := r.ask(b.as("owner", scope), route, ids)
		require.Equal(t, http.StatusForbidden, got.status, "%s, only %s: %s", route, scope, got.body)
		refused(t, got, insufficientScope)
		checked++
	}
	return checked
}

// notOnesOwn asks with ids of somebody else and of nobody, at each place alone and
// at all of them: the answers are the same.
func (r row) notOnesOwn(t *testing.T, owner, stranger *bank, route string, op *huma.Operation, places []string, mine, theirs belongings) (checked int) {
	t.Helper()
	scopes := scopesOf(op)
	if !slices.Contains(scopes, identity.Customer) && !slices.Contains(scopes, identity.Service) {
		return 0 // for operators, who own nothing
	}
	with := func(place, id string) belongings {
		ids := maps.Clone(mine)
		ids[place] = id
		return ids
	}
	for _, place := range places {
		foreign := r.ask(owner, route, with(place, theirs[place]))
		absent := r.ask(owner, route, with(place, uuid.NewString()))
		want, special := r.foreign[place]
		if !special {
			want = outcome{404, 404, ""}
		}
		require.Equal(t, want.foreign, foreign.status, "%s, somebody else's %s (%s): %s", route, place, want.why, foreign.body)
		require.Equal(t, want.absent, absent.status, "%s, nobody's %s (%s): %s", route, place, want.why, absent.body)
		if want.foreign == want.absent && (want.foreign >= 400 || strings.HasPrefix(route, "GET ")) {
			require.Equal(t, told(foreign), told(absent), "%s: %s of somebody else and of nobody are told apart", route, place)
		}
		checked += 2
	}
	if len(places) > 0 && len(r.foreign) < len(places) {
		got := r.ask(stranger, route, mine)
		require.Equal(t, http.StatusNotFound, got.status, "%s, by somebody else: %s", route, got.body)
		checked++
	}
	return checked
}

var instance = regexp.MustCompile(`"instance":"[^"]*"`)

// told is all of an answer that a caller could tell apart.
func told(a answer) string {
	header := a.header.Clone()
	for _, varies := range []string{"Date", "X-Request-Id", "Ratelimit"} {
		header.Del(varies)
	}
	return fmt.Sprint(a.status, header, instance.ReplaceAllString(a.body, ""))
}

// letIn asks as everybody for whom the route is.
func (r row) letIn(t *testing.T, b *bank, route string, op *huma.Operation, ids belongings) (checked int) {
	t.Helper()
	for _, scope := range scopesOf(op) {
		subject := "owner"
		// Whoever may only because of an office owns nothing here; a key is whoever's sent it.
		if scope == identity.Operator || (scope == identity.Treasury && !slices.Contains(scopesOf(op), identity.Customer)) {
			subject = "olga"
		}
		if route == "POST /events" {
			ids = maps.Clone(ids)
			ids["operation_id"] = uuid.NewString()
		}
		got := r.ask(b.as(subject, scope), route, ids)
		require.Equal(t, r.status, got.status, "%s, %s with scope %s: %s", route, subject, scope, got.body)
		checked++
	}
	return checked
}
