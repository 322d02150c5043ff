package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestB10_OpeningAnAccount(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	customer := b.customer()
	got := b.post("/accounts", `{"customer_id":"`+customer+`","product":"simple-savings","currency":"EUR"}`)
	account := as[Account](t, got, 201)
	require.Equal(t, "/accounts/"+account.AccountID, got.header.Get("Location"))
	require.Equal(t, account.AccountID, got.header.Get("Quittance-Journey"))
	require.Equal(t, "</journeys/"+account.AccountID+`>; rel="status"`, got.header.Get("Link"))
	require.Contains(t, got.body, `"balance":0.00`)
	require.Equal(t, "open", account.Status)

	require.Equal(t, 1, b.said("account.opened"))
	require.Equal(t, account.AccountID, one[string](b, `select correlation_id from delivery.outbox`))
	require.Equal(t, "customer simple-savings EUR open 0 0", one[string](b,
		`select concat_ws(' ', kind, product, currency, status, balance_minor, floor_minor) from ledger.account where id = $1`, account.AccountID))
	require.Equal(t, account, as[Account](t, b.get("/accounts/"+account.AccountID), 200))

	refused(t, b.post("/accounts", `{"customer_id":"`+uuid.NewString()+`","product":"current","currency":"EUR"}`), notFound)
	p := refused(t, b.post("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"XAU"}`), invalidContent)
	require.Equal(t, "/currency", p.Errors[0].Pointer)
	p = refused(t, b.post("/accounts", `{"customer_id":"`+customer+`","product":"golden","currency":"EUR"}`), invalidContent)
	require.Equal(t, "/product", p.Errors[0].Pointer)
	p = refused(t, b.post("/accounts", `{"product":"current","currency":"EUR"}`), invalidContent)
	require.Equal(t, []FieldError{{Pointer: "/customer_id", Detail: "must be there"}}, p.Errors)
}

func TestB12_ListingTheAccountsOfACustomer(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	customer := b.customer()
	want := map[string]bool{}
	for range 7 {
		want[as[Account](t, b.post("/accounts", `{"customer_id":"`+customer+`","product":"current","currency":"KWD"}`), 201).AccountID] = true
	}
	b.account("EUR") // somebody else's
	type list struct {
		Accounts []Account `json:"accounts"`
		Next     string    `json:"next"`
	}
	path := "/accounts?limit=3&customer_id=" + customer
	for range 3 {
		page := as[list](t, b.get(path), 200)
		for _, a := range page.Accounts {
			require.True(t, want[a.AccountID], "each once")
			require.Equal(t, "open", a.Status)
			delete(want, a.AccountID)
		}
		if page.Next == "" {
			break
		}
		path = "/accounts?limit=3&customer_id=" + customer + "&after=" + page.Next
	}
	require.Empty(t, want)
	require.Equal(t, `{"accounts":[]}`, b.get("/accounts?customer_id="+uuid.NewString()).body)
	all := as[list](t, b.get("/accounts"), 200).Accounts
	require.Len(t, all, 8, "all of the caller's own")
	require.Equal(t, all[2:3], as[list](t, b.get(fmt.Sprint("/accounts?number=", all[2].Number)), 200).Accounts, "by its number")
	require.Equal(t, `{"accounts":[]}`, b.get("/accounts?number=0").body)
	stranger := b.as("stranger", everything[:2]...)
	require.Equal(t, `{"accounts":[]}`, stranger.get(fmt.Sprint("/accounts?number=", all[2].Number)).body, "B02")
	require.Equal(t, all[2:3], as[list](t, b.as("olga", everything[2]).get(fmt.Sprint("/accounts?number=", all[2].Number)), 200).Accounts)
	for _, query := range []string{"?customer_id=x", "?customer_id=" + customer + "&limit=0", "?customer_id=" + customer + "&limit=101",
		"?customer_id=" + customer + "&limit=x", "?number=x", "?number=-1", "?number=1.5", "?number=9223372036854775808", "?customer_id=" + customer + "&page=2"} {
		refused(t, b.get("/accounts"+query), invalidContent)
	}
	for _, after := range []string{"x", "%00", "fA", "MjAyNnx4"} {
		refused(t, b.get("/accounts?customer_id="+customer+"&after="+after), invalidCursor)
	}
}

func TestB11_ClosingAnAccount(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	b.fund(account, 1)
	p := refused(t, b.post("/accounts/"+account+"/close", ""), balanceNotZero)
	require.Equal(t, "Balance is not zero", p.Reason)
	require.Equal(t, 0, b.said("account.close-requested"))

	b.fund(account, 0)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			got := b.post("/accounts/"+account+"/close", strings.Repeat("{}", i%2))
			require.Equal(t, 202, got.status, got.body)
			require.JSONEq(t, `{"account_id":"`+account+`","status":"closing"}`, got.body)
			require.Equal(t, "/closures/"+account, got.header.Get("Location"))
		})
	}
	wg.Wait()
	require.Equal(t, 1, b.said("account.close-requested"), "asked for once")
	require.Equal(t, "closing", as[Account](t, b.get("/accounts/"+account), 200).Status)

	b.exec(`update ledger.account set status = 'closed', closed_at = now() where id = $1`, account)
	require.JSONEq(t, `{"account_id":"`+account+`","status":"closed"}`, b.post("/accounts/"+account+"/close", "").body)
	refused(t, b.post("/accounts/"+uuid.NewString()+"/close", ""), notFound)
	refused(t, b.post("/accounts/"+account+"/close", `{"force":true}`), invalidContent)
}

func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	before := b.rows()
	for _, path := range []string{"/accounts/%s", "/balances/%s", "/transactions/%s", "/operation-status/%s", "/invoices/%s",
		"/invoices/%s/receipt", "/payments/%s", "/closures/%s", "/journeys/%s"} {
		for _, bad := range []string{"x", "0", "5F0C1F6E-6C39-4D1C-9F5A-0D8A1F2B3C4D", "%7B5f0c1f6e-6c39-4d1c-9f5a-0d8a1f2b3c4d%7D",
			"5f0c1f6e6c394d1c9f5a0d8a1f2b3c4d", "00000000-0000-0000-0000-000000000000", "1%20or%201=1", "%27;drop%20table%20x", "%0d%0aX-Evil:%201",
			"%00", "..%2f..%2fetc", "%E2%80%AE", "urn:uuid:5f0c1f6e-6c39-4d1c-9f5a-0d8a1f2b3c4d", strings.Repeat("a", 200), uuid.NewString()} {
			got := b.get(fmt.Sprintf(path, bad))
			refused(t, got, notFound)
			require.True(t, len(bad) < 4 || !strings.Contains(got.body, bad), got.body)
			require.Empty(t, got.header.Get("X-Evil"))
		}
	}
	for _, path := range []string{"//accounts", "/accounts/../accounts", "/accounts/", "/", "/nothing", "/%2e%2e/", "/accounts/x/y"} {
		refused(t, b.get(path), notFound)
	}
	require.Equal(t, before, b.rows())
	require.Equal(t, http.StatusOK, b.get("/readyz").status)
}
