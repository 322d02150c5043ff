package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/fn/fntest/corpus"
	"quittance.dev/functions/pgtest"
)

// Bad input, from files: every case against every route that could take it. The
// answer is the one that the case names, nothing is written, and the route
// works afterwards.

func load(t testing.TB, name string) []corpus.Case {
	t.Helper()
	cases, err := corpus.Load(name)
	require.NoError(t, err)
	return cases
}

func kindNamed(t testing.TB, name string) kind {
	t.Helper()
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	t.Fatalf("no problem type %q", name)
	return kind{}
}

// target is a route with a body that it takes.
type target struct {
	path, body string
	status     int // for body
}

// targets are the routes with a JSON body.
func (b *bank) targets() []target {
	account, customer := b.account("EUR"), b.customer()
	invoice := b.invoice(account)
	return []target{
		{"/customers", ada, 201},
		{"/accounts", `{"customer_id":"` + customer + `","product":"current","currency":"EUR"}`, 201},
		{"/deposit", `{"account_id":"` + account + `","amount":1.50}`, 200},
		{"/withdraw", `{"account_id":"` + account + `","amount":1.50}`, 200},
		{transfers, transfer(account, b.account("EUR"), "1.50", events.Debit), 200},
		{"/invoices", `{"account_id":"` + account + `","customer_id":"` + customer + `","amount":1.50,"currency":"EUR","reference":"Rent"}`, 201},
		{"/invoices/" + invoice + "/payments", visa, 202},
	}
}

func runJSON(t *testing.T, name string, more func(*bank) []target) {
	t.Helper()
	cases := load(t, name)
	b := openBank(t)
	for _, to := range append(b.targets(), more(b)...) {
		subject, err := corpus.Parse([]byte(to.body))
		require.NoError(t, err)
		before := b.rows()
		for _, c := range cases {
			got := b.post(to.path, string(c.Render(subject)))
			require.Equal(t, c.Status, got.status, "%s, %s: %s", to.path, c.Name, got.body)
			p := refused(t, got, kindNamed(t, c.Problem))
			if c.Status == 422 || c.Status == 400 {
				require.NotEmpty(t, p.Errors, "%s, %s: says where", to.path, c.Name)
			}
			require.Equal(t, before, b.rows(), "%s, %s: nothing is written", to.path, c.Name)
		}
		require.Equal(t, to.status, b.post(to.path, to.body).status, "%s works afterwards", to.path)
	}
}

func TestF27_CorpusOfJSONStructure(t *testing.T) {
	t.Parallel()
	runJSON(t, "json-structure", func(b *bank) []target {
		return []target{{"/accounts/" + b.account("EUR") + "/close", `{}`, 202}} // takes no members
	})
}

func TestF27_CorpusOfJSONNames(t *testing.T) {
	t.Parallel()
	runJSON(t, "json-names", func(*bank) []target { return nil })
}

func TestCorpusOfAmounts(t *testing.T) {
	t.Parallel()
	cases := load(t, "amounts")
	b := openBank(t)
	accounts, customer := map[string]string{}, b.customer()
	for _, currency := range []string{"EUR", "JPY", "KWD"} {
		accounts[currency] = b.account(currency)
	}
	invoice := b.invoice(accounts["EUR"])
	for path, route := range map[string]struct {
		body   func(currency, amount string) string
		status int
		stored string
	}{
		"/deposit":  {func(c, a string) string { return movement(accounts[c], a) }, 200, `select max(amount_minor) from banking.operation where amount_minor = $1 and kind = 'deposit'`},
		"/withdraw": {func(c, a string) string { return movement(accounts[c], a) }, 200, `select max(amount_minor) from banking.operation where amount_minor = $1 and kind = 'withdrawal'`},
		transfers: {func(c, a string) string { return transfer(uuid.NewString(), accounts[c], a, events.Credit) }, 200,
			`select max(amount_minor) from ledger.journal where amount_minor = $1 and kind = 'transfer'`},
		bankTransactions: {func(c, a string) string { return bankTransaction(accounts[c], a, events.Debit, "Fee") }, 200,
			`select max(amount_minor) from ledger.journal where amount_minor = $1 and kind = 'bank-debit'`},
		"/invoices": {func(c, a string) string {
			return `{"account_id":"` + accounts[c] + `","customer_id":"` + customer + `","amount":` + a + `,"currency":"` + c + `","reference":"Rent"}`
		}, 201, `select max(amount_minor) from invoicing.invoice where amount_minor = $1`},
		"/invoices/" + invoice + "/payments": {func(c, a string) string {
			return `{"amount":` + a + `,"currency":"` + c + `","method":"card","payment_method":"pm_card_visa"}`
		}, 202, `select max(amount_minor) from invoicing.payment where amount_minor = $1`},
	} {
		for _, c := range cases {
			before := b.rows()
			amount := strings.ReplaceAll(c.Amount, "{{bulk}}", strings.Repeat(c.Bulk.Text, c.Bulk.Times))
			got := b.post(path, route.body(c.Currency, amount))
			if c.Status == 0 {
				require.Equal(t, route.status, got.status, "%s, %s: %s", path, c.Name, got.body)
				require.Equal(t, c.Minor, one[int64](b, route.stored, c.Minor), "%s, %s", path, c.Name)
				continue
			}
			p := refused(t, got, kindNamed(t, c.Problem))
			if p.Type == invalidContent.urn() || p.Type == invalidAmount.urn() {
				require.Equal(t, "/amount", p.Errors[0].Pointer, "%s, %s: %s", path, c.Name, got.body)
			}
			require.Equal(t, before, b.rows(), "%s, %s: nothing is written", path, c.Name)
		}
	}
}

func TestF27_CorpusOfCloudEventsAtTheIngestionRoute(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	valid := ingested(b.account("EUR"))
	before := b.rows()
	for _, c := range load(t, "cloudevents") {
		r, err := c.Request(context.Background(), b.url+"/events", valid)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+b.token)
		got := b.do(r)
		require.Equal(t, c.Status, got.status, "%s: %s", c.Name, got.body)
		refused(t, got, kindNamed(t, c.Problem))
		require.Equal(t, before, b.rows(), "%s: nothing is written", c.Name)
	}
	r, err := corpus.Case{}.Request(context.Background(), b.url+"/events", valid)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+b.token)
	require.Equal(t, http.StatusAccepted, b.do(r).status, "the route works afterwards")
}

func TestF27_CorpusOfCloudEventsAtTheKernelsDoor(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := &bank{t: t, owner: db.Pool("")}
	door := fntest.Open(t, Function(), db.Pool(role), fn.Options{})
	valid := ingested(uuid.NewString())
	before := b.rows()
	for _, c := range load(t, "cloudevents") {
		r, err := c.Request(context.Background(), door.URL, valid)
		require.NoError(t, err)
		status, body := door.Do(t, r)
		require.Equal(t, c.Status, status, "%s: %s", c.Name, body)
		require.LessOrEqual(t, len(body), 512, "Knative's dispatcher dies of more")
		require.Equal(t, before, b.rows(), "%s: nothing is written", c.Name)
	}
	status, _ := door.Post(t, valid)
	require.Equal(t, http.StatusOK, status, "the door works afterwards")
}

// ingested is an event as an integrator says it.
func ingested(account string) fn.Envelope {
	e := fntest.Event(events.DepositRequested{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 100, Currency: "EUR"})
	e.Source = "https://shop.example"
	return e
}
