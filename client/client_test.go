package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/client"
)

// bank is a server that answers as told, and what it was asked.
type bank struct {
	*client.Client
	asked []*http.Request
	said  []string
}

func serve(t *testing.T, answers ...http.HandlerFunc) *bank {
	t.Helper()
	b := &bank{}
	var mu sync.Mutex // one request may come while the one before is being cut
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		mu.Lock()
		b.asked, b.said = append(b.asked, r), append(b.said, string(body))
		answer := answers[min(len(b.asked), len(answers))-1]
		mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	var err error
	b.Client, err = client.New(server.URL, client.Options{
		Token: client.StaticToken("secret"), Attempts: 4, Wait: func(int) time.Duration { return 0 }, HTTP: server.Client(),
	})
	require.NoError(t, err)
	return b
}

func answer(status int, body string, pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func problem(kind client.ProblemType, status int) http.HandlerFunc {
	return answer(status, fmt.Sprintf(`{"type":%q,"title":"No","status":%d,"detail":"d","instance":"i","reason":"because","errors":[{"pointer":"/amount","detail":"is wrong"}]}`, kind, status))
}

// cut answers nothing.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const pending = `{"operation_id":"op","status":"PENDING","new":"members are fine"}`

func TestAnUnknownOutcomeIsAskedAgainUnderTheSameKey(t *testing.T) {
	b := serve(t, cut, problem(client.Unavailable, 503), problem(client.InFlight, 409), answer(200, pending, "Idempotency-Replayed", "true", "Quittance-Journey", "op"))
	got, err := b.Withdraw(t.Context(), "", client.Movement{AccountID: "a", Amount: "100.00"})
	require.NoError(t, err)
	require.Equal(t, client.Answer[client.Accepted]{Body: client.Accepted{OperationID: "op", Status: client.Pending}, Journey: "op", Replayed: true}, got)
	require.Len(t, b.asked, 4)
	key := b.asked[0].Header.Get("Idempotency-Key")
	require.Len(t, key, 26)
	for i, r := range b.asked {
		require.Equal(t, "POST /withdraw", r.Method+" "+r.URL.Path)
		require.Equal(t, key, r.Header.Get("Idempotency-Key"))
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.Equal(t, `{"account_id":"a","amount":100.00}`, b.said[i])
	}
}

func TestWhoGivesUpKnowsTheKey(t *testing.T) {
	b := serve(t, problem(client.Unavailable, 503))
	_, err := b.Deposit(t.Context(), "mine", client.Movement{AccountID: "a", Amount: "1"})
	require.ErrorIs(t, err, client.ErrUnknown)
	unknown, ok := errors.AsType[*client.UnknownError](err)
	require.True(t, ok)
	require.Equal(t, client.Key("mine"), unknown.Key)
	require.Equal(t, 4, unknown.Attempts)
	p, ok := errors.AsType[*client.Problem](err)
	require.True(t, ok)
	require.Equal(t, client.Unavailable, p.Type)
	require.Len(t, b.asked, 4)

	_, err = b.GetAccount(t.Context(), "a")
	require.NotErrorIs(t, err, client.ErrUnknown, "nothing depends on a read")
	require.ErrorAs(t, err, &p)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Deposit(ctx, "mine", client.Movement{AccountID: "a", Amount: "1"})
	require.ErrorIs(t, err, client.ErrUnknown, "it may have arrived")
	require.ErrorIs(t, err, context.Canceled)
}

// What was cut off may have been done, whatever stands between the caller and the
// bank the next time.
func TestAnOutcomeThatIsNotKnownIsNotForgotten(t *testing.T) {
	for name, then := range map[string]http.HandlerFunc{
		"the token has run out":  problem(client.InvalidToken, 401),
		"a scope was taken away": problem(client.InsufficientScope, 403),
		"a gateway's own page":   answer(404, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, cut, then)
			_, err := b.Withdraw(t.Context(), "mine", client.Movement{AccountID: "a", Amount: "1"})
			unknown, ok := errors.AsType[*client.UnknownError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, client.Key("mine"), unknown.Key)
			require.Len(t, b.asked, 2)

			b = serve(t, then)
			_, err = b.Withdraw(t.Context(), "mine", client.Movement{AccountID: "a", Amount: "1"})
			require.NotErrorIs(t, err, client.ErrUnknown, "it never began")
		})
	}
	b := serve(t, cut, problem(client.AccountNotOpen, 409))
	_, err := b.Withdraw(t.Context(), "mine", client.Movement{AccountID: "a", Amount: "1"})
	require.NotErrorIs(t, err, client.ErrUnknown, "the bank had looked for the key before it refused")

	b = serve(t, answer(200, "no JSON"))
	_, err = b.Withdraw(t.Context(), "mine", client.Movement{AccountID: "a", Amount: "1"})
	require.ErrorIs(t, err, client.ErrUnknown, "done, but nobody knows how")
}

func TestARefusalIsAProblemAndNotAskedAgain(t *testing.T) {
	b := serve(t, problem(client.InvalidAmount, 400))
	_, err := b.Withdraw(t.Context(), "", client.Movement{AccountID: "a", Amount: "0"})
	p, ok := errors.AsType[*client.Problem](err)
	require.True(t, ok)
	require.Equal(t, client.Problem{Type: client.InvalidAmount, Title: "No", Status: 400, Detail: "d", Instance: "i", Reason: "because",
		Errors: []client.FieldError{{Pointer: "/amount", Detail: "is wrong"}}}, *p)
	require.EqualError(t, err, "No: because; /amount is wrong (400, request i)")
	require.Len(t, b.asked, 1)
	require.False(t, p.Passes())

	b = serve(t, answer(404, "<html>a gateway's page</html>", "X-Request-Id", "r"))
	_, err = b.GetAccount(t.Context(), "../x y")
	p, ok = errors.AsType[*client.Problem](err)
	require.True(t, ok)
	require.Equal(t, client.Problem{Type: "about:blank", Title: "Not Found", Status: 404, Instance: "r"}, *p)
	require.Equal(t, "/accounts/..%2Fx%20y", b.asked[0].URL.EscapedPath(), "an id is one part of a path")
}

func TestTheBankSaysHowLongToWait(t *testing.T) {
	b := serve(t, answer(429, `{"type":"`+string(client.TooManyRequests)+`","title":"x","status":429}`, "Retry-After", "1"), answer(200, pending))
	started := time.Now()
	_, err := b.Deposit(t.Context(), "", client.Movement{AccountID: "a", Amount: "1"})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(started), time.Second)
	require.Equal(t, b.asked[0].Header.Get("Idempotency-Key"), b.asked[1].Header.Get("Idempotency-Key"))
}

func TestWhatCannotBeSentIsNot(t *testing.T) {
	b := serve(t, answer(200, pending))
	for _, amount := range []client.Amount{"", "1e2", "0x1", "1.", ".5", "01", "NaN", "-", "1 ", "１"} {
		_, err := b.Deposit(t.Context(), "", client.Movement{AccountID: "a", Amount: amount})
		require.ErrorContains(t, err, "is no decimal number", amount)
		require.NotErrorIs(t, err, client.ErrUnknown)
	}
	require.Empty(t, b.asked)
	for _, base := range []string{"", "bank.example", "ftp://bank.example", "http://", "://"} {
		_, err := client.New(base, client.Options{})
		require.Error(t, err, base)
	}
	nobody, err := client.New("http://127.0.0.1:1", client.Options{})
	require.NoError(t, err)
	_, err = nobody.Deposit(t.Context(), "", client.Movement{AccountID: "a", Amount: "1"})
	require.ErrorContains(t, err, "no access token")
	require.NotErrorIs(t, err, client.ErrUnknown)
}

func TestAmountsKeepTheirDigits(t *testing.T) {
	for _, digits := range []string{"0", "-0.10", "12.30", "92233720368547758.07", "1.0000000000000000000001"} {
		var a client.Amount
		require.NoError(t, json.Unmarshal([]byte(digits), &a))
		require.Equal(t, client.Amount(digits), a)
		raw, err := json.Marshal(a)
		require.NoError(t, err)
		require.Equal(t, digits, string(raw))
	}
	for _, bad := range []string{`"12"`, "1e2", "true", "[]"} {
		require.Error(t, json.Unmarshal([]byte(bad), new(client.Amount)), bad)
	}
}

func TestListsGoOnToTheirEnd(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			_, _ = io.WriteString(w, `{"accounts":[{"number":1,"balance":461.00},{"number":2,"balance":0}],"next":"n"}`)
			return
		}
		_, _ = io.WriteString(w, `{"accounts":[{"number":3,"balance":1}]}`)
	}
	b := serve(t, page)
	var numbers []int64
	one := int64(1)
	for a, err := range b.Accounts(t.Context(), client.AccountFilter{CustomerID: "c", Number: &one}) {
		require.NoError(t, err)
		numbers = append(numbers, a.Number)
	}
	require.Equal(t, []int64{1, 2, 3}, numbers)
	require.Equal(t, "customer_id=c&limit=100&number=1", b.asked[0].URL.RawQuery)
	require.Equal(t, "after=n&customer_id=c&limit=100&number=1", b.asked[1].URL.RawQuery)
	for range b.Accounts(t.Context(), client.AccountFilter{}) {
		break // leaves the rest alone
	}
	require.Len(t, b.asked, 3)

	b = serve(t, problem(client.InvalidCursor, 400))
	for _, err := range b.Transactions(t.Context(), "a") {
		require.Error(t, err)
	}
	require.Len(t, b.asked, 1)
}

func TestAnOperationIsAwaited(t *testing.T) {
	b := serve(t, answer(200, `{"status":"PENDING"}`), answer(200, `{"status":"PENDING"}`), answer(200, `{"status":"COMPLETED","balance_after":896.00}`))
	op, err := b.AwaitOperation(t.Context(), "op")
	require.NoError(t, err)
	require.Equal(t, client.Completed, op.Status)
	require.Equal(t, client.Amount("896.00"), *op.BalanceAfter)

	b = serve(t, answer(200, `{"status":"PENDING"}`))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	op, err = b.AwaitOperation(ctx, "op")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, client.Pending, op.Status)
}

func TestEventsGoInStructuredOrBatchedMode(t *testing.T) {
	e := client.Event{ID: "1", Source: "/shop", Type: client.DepositRequested, Data: client.OperationData{OperationID: "o", AccountID: "a", AmountMinor: 5, Currency: "EUR"}}
	b := serve(t, cut, answer(202, `{"events":[{"source":"/shop","id":"1","journey_id":"o"}]}`))
	accepted, err := b.PostEvents(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, "o", accepted.Events[0].JourneyID)
	require.Equal(t, "application/cloudevents+json", b.asked[1].Header.Get("Content-Type"))
	require.JSONEq(t, `{"specversion":"1.0","id":"1","source":"/shop","type":"dev.quittance.deposit.requested.v1",
		"data":{"operation_id":"o","account_id":"a","amount_minor":5,"currency":"EUR"}}`, b.said[1])
	_, err = b.PostEvents(t.Context(), e, e)
	require.NoError(t, err)
	require.Equal(t, "application/cloudevents-batch+json", b.asked[2].Header.Get("Content-Type"))
	require.Equal(t, "["+b.said[1]+","+b.said[1]+"]", b.said[2])
}
