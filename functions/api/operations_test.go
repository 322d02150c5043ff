package api

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func movement(account, amount string) string {
	return `{"account_id":"` + account + `","amount":` + amount + `}`
}

func TestB16_DepositAndWithdrawAnswerPending(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	for path, event := range map[string]string{"/deposit": "deposit.requested", "/withdraw": "withdrawal.requested"} {
		got := b.post(path, movement(account, "12.30"))
		accepted := as[Accepted](t, got, 200)
		require.JSONEq(t, `{"operation_id":"`+accepted.OperationID+`","status":"PENDING"}`, got.body)
		require.Equal(t, accepted.OperationID, got.header.Get("Quittance-Journey"))
		require.Equal(t, 1, b.said(event))
		require.Equal(t, `{"operation_id":"`+accepted.OperationID+`","account_id":"`+account+`","amount_minor":1230,"currency":"EUR"}`,
			one[string](b, `select data::text from delivery.outbox where subject = $1`, accepted.OperationID))
		require.Equal(t, accepted.OperationID, one[string](b, `select correlation_id from delivery.outbox where subject = $1`, accepted.OperationID))
		op := as[Operation](t, b.get("/operation-status/"+accepted.OperationID), 200)
		require.EqualValues(t, "PENDING", op.Status)
		require.Nil(t, op.BalanceAfter)
	}
	refused(t, b.post("/deposit", movement(uuid.NewString(), "1")), notFound)
	p := refused(t, b.post("/deposit", `{"account_id":"x","amount":1}`), invalidContent)
	require.Equal(t, []FieldError{{Pointer: "/account_id", Detail: "expected string to be a lower-case UUID"}}, p.Errors)
}

func TestB17_OperationStatusTellsTheOutcome(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("KWD")
	paid := as[Accepted](t, b.post("/deposit", movement(account, "1.005")), 200).OperationID
	failed := as[Accepted](t, b.post("/withdraw", movement(account, "9")), 200).OperationID
	b.exec(`update banking.operation set state = 'COMPLETED', balance_minor = 1005, finished_at = now() where id = $1`, paid)
	b.exec(`update banking.operation set state = 'FAILED', reason = 'Insufficient funds', finished_at = now() where id = $1`, failed)
	got := b.get("/operation-status/" + paid)
	require.EqualValues(t, "COMPLETED", as[Operation](t, got, 200).Status)
	require.Contains(t, got.body, `"balance_after":1.005`)
	got = b.get("/operation-status/" + failed)
	op := as[Operation](t, got, 200)
	require.EqualValues(t, "FAILED", op.Status)
	require.EqualValues(t, "Insufficient funds", op.Reason)
	require.NotContains(t, got.body, "balance_after")
}

func TestTheSameKeyIsTheSameOperation(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	key := []string{"Idempotency-Key", "first-payday"}
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() {
			ids[i] = as[Accepted](t, b.post("/deposit", movement(account, "100"), key...), 200).OperationID
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, b.said("deposit.requested"), "one effect")
	require.Equal(t, 1, one[int](b, `select count(*) from banking.operation`))

	quoted := as[Accepted](t, b.post("/deposit", movement(account, "100.00"), "Idempotency-Key", `"first-payday"`), 200)
	require.Equal(t, ids[0], quoted.OperationID, "quoted and bare are one key, 100 and 100.00 one amount")
	p := refused(t, b.post("/deposit", movement(account, "100.01"), key...), keyReused)
	require.Equal(t, []FieldError{{Pointer: "/amount", Detail: "differs from the first request"}}, p.Errors)
	p = refused(t, b.post("/deposit", movement(b.account("EUR"), "99"), key...), keyReused)
	require.Equal(t, []string{"/account_id", "/amount"}, []string{p.Errors[0].Pointer, p.Errors[1].Pointer})
	p = refused(t, b.post("/deposit", movement(uuid.NewString(), "100"), key...), keyReused)
	require.Equal(t, "/account_id", p.Errors[0].Pointer, "the key is asked before the account")
	other := as[Accepted](t, b.post("/withdraw", movement(account, "100"), key...), 200)
	require.NotEqual(t, ids[0], other.OperationID, "another route, another request")
	require.Equal(t, 1, b.said("deposit.requested"))

	b.exec(`update banking.operation set state = 'COMPLETED', balance_minor = 10000, finished_at = now() where id = $1`, ids[0])
	again := b.post("/deposit", movement(account, "100"), key...)
	require.EqualValues(t, "PENDING", as[Accepted](t, again, 200).Status, "the answer that was given; the status tells the rest")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
}

func TestWhatIsNoKey(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	before := b.rows()
	long := string(make([]byte, 0, 256))
	for range 256 {
		long += "k"
	}
	for _, key := range []string{"", `""`, long, `"` + long + `"`, `"open`, `in"side`, `back\slash`, "käse", "tab\there"} {
		refused(t, b.post("/deposit", movement(account, "1"), "Idempotency-Key", key), invalidKey)
	}
	r := b.request("POST", "/deposit", movement(account, "1"))
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	refused(t, b.do(r), invalidKey)
	r = b.request("POST", "/deposit", movement(account, "1"))
	r.Header.Del("Idempotency-Key")
	refused(t, b.do(r), missingKey)
	require.Equal(t, before, b.rows())
	require.Equal(t, 200, b.post("/deposit", movement(account, "1"), "Idempotency-Key", long[:255]).status)
}

func TestTheSameKeyOnTheOtherRoutes(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	key := []string{"Idempotency-Key", uuid.NewString()}
	first := as[Customer](t, b.post("/customers", ada, key...), 201)
	require.Equal(t, first, as[Customer](t, b.post("/customers", ada, key...), 201))
	refused(t, b.post("/customers", `{"name":"Bob","email":"ada@example.org","phone":"+41790000000"}`, key...), keyReused)

	account := `{"customer_id":"` + first.CustomerID + `","product":"current","currency":"EUR"}`
	opened := as[Account](t, b.post("/accounts", account, key...), 201)
	require.Equal(t, opened, as[Account](t, b.post("/accounts", account, key...), 201))
	require.Equal(t, 1, b.said("account.opened"))
	refused(t, b.post("/accounts", `{"customer_id":"`+first.CustomerID+`","product":"current","currency":"USD"}`, key...), keyReused)

	invoice := `{"account_id":"` + opened.AccountID + `","customer_id":"` + first.CustomerID + `","amount":12.5,"currency":"EUR","reference":"Rent"}`
	written := as[Invoice](t, b.post("/invoices", invoice, key...), 201)
	b.exec(`update ledger.account set status = 'closing', closing_at = now() where id = $1`, opened.AccountID)
	require.Equal(t, written, as[Invoice](t, b.post("/invoices", invoice, key...), 201), "a repeat is answered whatever has become of the account")
	refused(t, b.post("/invoices", invoice), accountNotOpen)
	refused(t, b.post("/invoices", `{"account_id":"`+opened.AccountID+`","customer_id":"`+first.CustomerID+`","amount":13,"currency":"EUR","reference":"Rent"}`, key...), keyReused)

	path, payment := "/invoices/"+written.InvoiceID+"/payments", `{"amount":12.50,"currency":"EUR","method":"card","payment_method":"pm_card_visa"}`
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() { ids[i] = as[Payment](t, b.post(path, payment, key...), 202).PaymentID })
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, b.said("payment.submitted"))
	refused(t, b.post(path, `{"amount":12.50,"currency":"EUR","method":"card","payment_method":"pm_card_mastercard"}`, key...), keyReused)
}

// E02, E03: what is refused at the door is in the log, as an error if there is no
// such account and as a warning if the amount cannot be moved; no event is said.
func TestE02_E03_RefusalsAreLoggedAndSayNothing(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	log := &safeBuffer{}
	b.api.logger = slog.New(slog.NewJSONHandler(log, nil))
	before := b.rows()
	refused(t, b.post("/withdraw", movement(uuid.NewString(), "10")), notFound)
	require.Contains(t, log.String(), `"level":"ERROR","msg":"no such account"`)
	for _, amount := range []string{"0", "-1", "0.001"} {
		log.Reset()
		refused(t, b.post("/withdraw", movement(account, amount)), invalidAmount)
		require.Contains(t, log.String(), `"level":"WARN","msg":"invalid amount"`)
	}
	require.Equal(t, before, b.rows(), "no event, no operation")
}

// safeBuffer takes what several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *safeBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}
