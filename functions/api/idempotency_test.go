package api

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/identity"
)

// A repetition gets the stored answer, byte for byte, with a header that says so.
func TestARepetitionGetsTheAnswerThatWasGiven(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	customer := b.customer()
	account := b.account("EUR")
	invoice := b.invoice(account)
	for path, body := range map[string]string{
		"/customers": ada, "/accounts": `{"customer_id":"` + customer + `","product":"current","currency":"EUR"}`,
		"/deposit": movement(account, "1.10"), "/withdraw": movement(account, "1"),
		"/invoices":                          `{"account_id":"` + account + `","customer_id":"` + customer + `","amount":12.5,"currency":"EUR","reference":"Rent"}`,
		"/invoices/" + invoice + "/payments": visa, "/accounts/" + b.account("EUR") + "/close": "",
	} {
		first := b.post(path, body, "Idempotency-Key", "k")
		require.Equal(t, 2, first.status/100, first.body)
		require.Empty(t, first.header.Get("Idempotency-Replayed"))
		before := b.rows()
		second := b.post(path, body, "Idempotency-Key", "k")
		require.Equal(t, "true", second.header.Get("Idempotency-Replayed"), path)
		require.Equal(t, first.status, second.status, path)
		require.Equal(t, first.body, second.body, path)
		for _, name := range []string{"Location", "Quittance-Journey", "Link", "Content-Type"} {
			require.Equal(t, first.header.Values(name), second.header.Values(name), "%s %s", path, name)
		}
		require.Equal(t, before, b.rows(), path)
	}
	p := refused(t, b.post("/invoices/"+b.invoice(account)+"/payments", visa, "Idempotency-Key", "k"), keyReused)
	require.Equal(t, []FieldError{{Parameter: "path", Detail: "differs from the first request"}}, p.Errors)
}

// Refusals are not kept: the same key may succeed when what stood in the way is
// gone.
func TestARefusalIsNotKept(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	b.fund(account, 1)
	close := func() answer { return b.post("/accounts/"+account+"/close", "", "Idempotency-Key", "k") }
	refused(t, close(), balanceNotZero)
	refused(t, b.post("/deposit", movement(account, "1.001"), "Idempotency-Key", "d"), invalidAmount)
	require.Equal(t, 200, b.post("/deposit", movement(account, "1.00"), "Idempotency-Key", "d").status)
	b.fund(account, 0)
	require.Equal(t, 202, close().status)
}

// Another process holds the key: the caller is told to ask again.
func TestARequestThatIsBeingHandledIs409(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	tx, err := b.owner.Begin(context.Background())
	require.NoError(t, err)
	who := identity.ID("https://issuer.example", "ada")
	_, err = tx.Exec(context.Background(), `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "idempotency\n"+who+"\nPOST /deposit\nk")
	require.NoError(t, err)
	before := b.rows()
	got := b.post("/deposit", movement(account, "1"), "Idempotency-Key", "k")
	refused(t, got, inFlight)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, before, b.rows())
	require.NoError(t, tx.Rollback(context.Background()))
	require.Equal(t, 200, b.post("/deposit", movement(account, "1"), "Idempotency-Key", "k").status)
}

// A key that has been forgotten makes nothing twice: ids derive from it.
func TestAForgottenKeyMakesNothingTwice(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	first := as[Accepted](t, b.post("/deposit", movement(account, "1"), "Idempotency-Key", "k"), 200)
	b.exec(`delete from idempotency.request`)
	b.exec(`update banking.operation set state = 'COMPLETED', balance_minor = 100, finished_at = now() where id = $1`, first.OperationID)
	again := as[Accepted](t, b.post("/deposit", movement(account, "1"), "Idempotency-Key", "k"), 200)
	require.Equal(t, first.OperationID, again.OperationID)
	require.EqualValues(t, "COMPLETED", again.Status, "how it stands now")
	require.Equal(t, 1, b.said("deposit.requested"))
	b.exec(`delete from idempotency.request`)
	refused(t, b.post("/deposit", movement(account, "2"), "Idempotency-Key", "k"), keyReused)
}

func TestTheOwnerOfAKeyIsToldWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	key := "a/b c%2F\x7e?&#" // every printable character may stand in one
	refused(t, b.get("/idempotency/"+url.PathEscape(key)), notFound)
	deposit := as[Accepted](t, b.post("/deposit", movement(account, "1"), "Idempotency-Key", key), 200)
	customer := as[Customer](t, b.post("/customers", ada, "Idempotency-Key", key), 201)
	got := b.get("/idempotency/" + url.PathEscape(key))
	view := as[KeyView](t, got, 200)
	require.Equal(t, key, view.Key)
	require.Len(t, view.Requests, 2)
	require.Equal(t, "POST", view.Requests[0].Method)
	require.Equal(t, "/deposit", view.Requests[0].Route)
	require.Equal(t, 200, view.Requests[0].Status)
	require.Equal(t, deposit.OperationID, view.Requests[0].JourneyID)
	require.Equal(t, 30*24*time.Hour, view.Requests[0].ExpiresAt.Sub(view.Requests[0].AnsweredAt))
	require.Equal(t, "/customers", view.Requests[1].Route)
	require.Empty(t, view.Requests[1].JourneyID)
	require.NotEmpty(t, customer.CustomerID)
	require.NotContains(t, got.body, "example.org")

	refused(t, b.as("eve", identity.Customer).get("/idempotency/"+url.PathEscape(key)), notFound)
	for _, none := range []string{uuid.NewString(), "%00", "%C3%A4", "%22open", "%5c"} {
		refused(t, b.get("/idempotency/"+none), notFound)
	}
}

// A31: the table of answers holds nothing personal.
func TestA31_NothingPersonalIsKeptWithAKey(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.post("/customers", `{"name":"canary-name","email":"canary@example.org","phone":"+41791112233"}`)
	kept := one[string](b, `select string_agg(r::text, ' ') from idempotency.request r`)
	require.NotContains(t, kept, "canary")
	require.NotContains(t, kept, "1791112233")
}
