package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/identity"
)

// funded is an account of the caller's with money that came in as a deposit.
func (b *bank) funded(minor int64) string {
	b.t.Helper()
	account := b.account("EUR")
	b.deposit(account, minor)
	return account
}

func (b *bank) deposit(account string, minor int64) {
	b.t.Helper()
	status, body := b.ledger.Post(b.t, fntest.Event(events.DepositRequested{
		OperationID: uuid.NewString(), AccountID: account, AmountMinor: minor, Currency: "EUR",
	}))
	require.Equal(b.t, 200, status, body)
}

func (b *bank) balance(account string) int64 {
	b.t.Helper()
	return one[int64](b, `select balance_minor from ledger.account where id = $1`, account)
}

// held is what all customers have together.
func (b *bank) held() int64 {
	b.t.Helper()
	return one[int64](b, `select coalesce(sum(balance_minor), 0)::bigint from ledger.account where kind = 'customer'`)
}

func transfer(src, dst, amount string, direction events.Direction) string {
	return `{"src_account_id":"` + src + `","dst_account_id":"` + dst + `","amount":` + amount + `,"direction":"` + string(direction) + `"}`
}

const transfers = "/api/v1/transaction"

// told is Transaction as it comes.
type toldTransaction struct {
	TransactionID string           `json:"transaction_id"`
	Timestamp     string           `json:"transaction_timestamp"`
	SrcAccountID  string           `json:"src_account_id"`
	DstAccountID  string           `json:"dst_account_id"`
	Amount        float64          `json:"amount"`
	Direction     events.Direction `json:"direction"`
	Status        string           `json:"status"`
	Reason        events.Reason    `json:"reason"`
}

func TestC01_ATransferMovesMoneyInItsDirection(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(10_00), b.funded(5_00)
	got := as[toldTransaction](t, b.post(transfers, transfer(src, dst, "2.50", events.Debit)), 200)
	require.Equal(t, "success", got.Status)
	require.Equal(t, []int64{7_50, 7_50}, []int64{b.balance(src), b.balance(dst)}, "debit: src gives, dst gets")
	got = as[toldTransaction](t, b.post(transfers, transfer(src, dst, "7.50", events.Credit)), 200)
	require.Equal(t, "success", got.Status)
	require.Equal(t, []int64{15_00, 0}, []int64{b.balance(src), b.balance(dst)}, "credit: dst gives, src gets")
	require.Equal(t, 2, b.said("transfer.completed"))
	require.Equal(t, []int{2, 2}, []int{b.said("transfer.requested"), one[int](b, `select count(*) from ledger.journal where kind = 'transfer' and status = 'posted'`)})
	journey := b.get("/journeys/" + got.TransactionID)
	require.Equal(t, 200, journey.status, journey.body)
	refused(t, b.as("eve", identity.Customer).get("/journeys/"+got.TransactionID), notFound)
}

// C05: what a transaction is answered with, to the letter.
func TestC05_TheAnswerToATransfer(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(10_00), b.account("EUR")
	members := func(a answer) (names []string) {
		for name := range as[map[string]any](t, a, 200) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	whole := []string{"amount", "direction", "dst_account_id", "src_account_id", "status", "transaction_id", "transaction_timestamp"}
	good := b.post(transfers, transfer(src, dst, "1.5", events.Debit))
	require.Equal(t, whole, members(good), "reason only on fail")
	require.Contains(t, good.body, `"amount":1.50`)
	told := as[toldTransaction](t, good, 200)
	require.Regexp(t, regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$`), told.Timestamp)
	require.Equal(t, told.Timestamp, one[string](b, `select to_char(posted_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') from ledger.journal where business_key = 'transaction:' || $1`, told.TransactionID))
	require.Equal(t, []string{src, dst, "debit", "success"}, []string{told.SrcAccountID, told.DstAccountID, string(told.Direction), told.Status})

	bad := b.post(transfers, transfer(src, dst, "100", events.Debit))
	require.Equal(t, slices.Sorted(slices.Values(append(whole, "reason"))), members(bad))
	told = as[toldTransaction](t, bad, 200)
	require.Equal(t, []string{"fail", "Insufficient funds"}, []string{told.Status, string(told.Reason)})
	// C06
	require.Equal(t, "failed Insufficient funds", one[string](b, `select status || ' ' || reason from ledger.journal where business_key = 'transaction:' || $1`, told.TransactionID))
	require.Equal(t, told.TransactionID, one[string](b, `select data->>'transaction_id' from delivery.outbox where type like '%transfer.rejected%'`))
}

// C02: why a transfer fails, whichever side it is.
func TestC02_WhatATransferIsRefusedFor(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	stranger := b.as("eve", identity.Customer)
	src := b.funded(10_00)
	closing := b.account("EUR")
	require.Equal(t, 202, b.post("/accounts/"+closing+"/close", "").status)
	closed := b.account("EUR")
	require.Equal(t, 202, b.post("/accounts/"+closed+"/close", "").status)
	b.exec(`update ledger.account set status = 'closed', closed_at = now() where id = $1`, closed)
	for why, c := range map[events.Reason]string{
		events.InsufficientFunds: transfer(src, b.account("EUR"), "10.01", events.Debit),
		events.AccountNotFound:   transfer(src, uuid.NewString(), "1", events.Debit),
		events.AccountIsClosing:  transfer(src, closing, "1", events.Debit),
		events.AccountIsClosed:   transfer(closed, src, "1", events.Credit),
		events.CurrencyMismatch:  transfer(src, b.account("USD"), "1", events.Debit),
		events.OneDepositOnly:    transfer(src, b.savings(5_00), "1", events.Debit),
	} {
		before := b.held()
		got := as[toldTransaction](t, b.post(transfers, c), 200)
		require.Equal(t, []string{"fail", string(why)}, []string{got.Status, string(got.Reason)})
		require.Equal(t, before, b.held())
	}
	require.Equal(t, "success", as[toldTransaction](t, b.post(transfers, transfer(src, stranger.account("EUR"), "1", events.Debit)), 200).Status, "to anybody's")
	// A02: what empties a savings account closes it.
	savings := b.savings(5_00)
	require.Equal(t, "success", as[toldTransaction](t, b.post(transfers, transfer(src, savings, "5", events.Credit)), 200).Status)
	require.Equal(t, "closing", one[string](b, `select status from ledger.account where id = $1`, savings))
	require.Equal(t, "true", one[string](b, `select data->>'closing' from delivery.outbox where type like '%transfer.completed%' and data->>'dst_account_id' = $1`, savings))
}

func (b *bank) savings(minor int64) string {
	b.t.Helper()
	account := as[Account](b.t, b.post("/accounts", `{"customer_id":"`+b.customer()+`","product":"simple-savings","currency":"EUR"}`), 201).AccountID
	b.deposit(account, minor)
	return account
}

// C02: whoever transfers at the same time, no balance goes below zero, nothing is
// lost, and what does not go through says why.
func TestC02_RandomTransfersAtOnce(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	var accounts []string
	for range 5 {
		accounts = append(accounts, b.funded(20_00))
	}
	var all sync.WaitGroup
	var through, refusals atomic.Int64
	for i := range 16 {
		all.Go(func() {
			for j := range 10 {
				src, dst := accounts[(i+j)%5], accounts[(i+2*j+1+(i+j)%5)%5]
				if src == dst {
					dst = accounts[(slices.Index(accounts, src)+1)%5]
				}
				direction := pick((i+j)%3 == 0, events.Credit, events.Debit)
				body := transfer(src, dst, fmt.Sprintf("%d.%02d", (i*7+j*11)%15, 1+(i*13+j)%99), direction)
				got := b.settle(body, uuid.NewString())
				if got.Status == "success" {
					through.Add(1)
					continue
				}
				require.Equal(t, events.InsufficientFunds, got.Reason)
				refusals.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 100_00, b.held(), "nothing is lost")
	require.NotZero(t, through.Load())
	require.NotZero(t, refusals.Load())
	require.EqualValues(t, 160, one[int64](b, `select count(*) from ledger.journal where kind = 'transfer'`))
	require.Equal(t, int64(0), one[int64](b, `select sum(amount_minor)::bigint from ledger.entry`))
	require.GreaterOrEqual(t, one[int64](b, `select min(balance_after_minor) from ledger.entry where account_seq is not null`), int64(0))
}

// settle asks until the answer is known, as a client does.
func (b *bank) settle(body, key string) toldTransaction {
	b.t.Helper()
	for range 50 {
		got := b.post(transfers, body, "Idempotency-Key", key)
		if got.status == 503 || got.status == 409 {
			require.Equal(b.t, "1", got.header.Get("Retry-After"))
			continue
		}
		return as[toldTransaction](b.t, got, 200)
	}
	b.t.Fatal("it is never known")
	return toldTransaction{}
}

// F14, B08: two of 60 from 100: one goes through, the other is told why, and
// nobody is told of a conflict between them.
func TestF14_B08_TwoTransfersOfSixtyFromAHundred(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	dst := []string{b.account("EUR"), b.account("EUR")}
	for range 10 {
		src := b.funded(100_00)
		var outcomes [2]string
		var all sync.WaitGroup
		for i := range outcomes {
			all.Go(func() {
				got := b.settle(transfer(src, dst[i], "60", events.Debit), uuid.NewString())
				outcomes[i] = got.Status + string(got.Reason)
			})
		}
		all.Wait()
		slices.Sort(outcomes[:])
		require.Equal(t, [2]string{"failInsufficient funds", "success"}, outcomes)
		require.EqualValues(t, 40_00, b.balance(src))
	}
}

// B05: the same request a hundred times at once is one posting and one answer.
func TestB05_TheSameTransferAHundredTimesAtOnce(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(100_00), b.account("EUR")
	var all sync.WaitGroup
	var answers sync.Map
	for range 100 {
		all.Go(func() {
			got := b.settle(transfer(src, dst, "1", events.Debit), "k")
			answers.Store(got, true)
		})
	}
	all.Wait()
	different := 0
	answers.Range(func(any, any) bool { different++; return true })
	require.Equal(t, 1, different)
	require.EqualValues(t, 99_00, b.balance(src))
	require.Equal(t, 1, one[int](b, `select count(*) from ledger.journal where kind = 'transfer'`))
	require.Equal(t, []int{1, 1}, []int{b.said("transfer.requested"), b.said("transfer.completed")})
}

// C03: a transfer that dies, at whatever point that either function passes on its
// way, is whole or was never there; the same key then ends it, once.
func TestC03_ATransferIsNeverHalfDone(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var points []string // as one transfer passes them
	whole := openBankWith(t, func(point string) error {
		mu.Lock()
		defer mu.Unlock()
		points = append(points, point)
		return nil
	})
	src, dst := whole.funded(10_00), whole.account("EUR")
	mu.Lock()
	points = nil
	mu.Unlock()
	require.Equal(t, 200, whole.post(transfers, transfer(src, dst, "1", events.Debit)).status)
	mu.Lock()
	passed := slices.Clone(points)
	mu.Unlock()
	require.Contains(t, passed, "direct.before-post")
	require.Contains(t, passed, "direct.after-post")
	require.Contains(t, passed, "ledger-posting.before-commit")
	count := 0
	for _, point := range passed {
		if strings.HasPrefix(point, "api.") {
			count++
		}
	}
	require.Equal(t, 6, count, "two transactions: %v", passed)
	for n := range passed {
		t.Run(fmt.Sprint(n, " ", passed[n]), func(t *testing.T) {
			t.Parallel()
			var left atomic.Int64 // points until it dies; not yet
			b := openBankWith(t, func(string) error {
				if left.Add(-1) == 0 {
					return errors.New("died here")
				}
				return nil
			})
			src, dst := b.funded(10_00), b.account("EUR")
			left.Store(int64(n) + 1)
			body := transfer(src, dst, "1", events.Debit)
			first := b.post(transfers, body, "Idempotency-Key", "k")
			require.EqualValues(t, 10_00, b.held(), "whole or not there")
			if first.status != 200 { // the ledger's own deaths are tried again behind the API
				require.LessOrEqual(t, left.Load(), int64(0), "it died where it was told to")
				kind := unavailable
				if strings.Contains(first.body, outcomeUnknown.urn()) {
					kind = outcomeUnknown
				}
				require.Equal(t, "1", refusedHeader(t, first, kind))
			}
			left.Store(0)
			got := as[toldTransaction](t, b.post(transfers, body, "Idempotency-Key", "k"), 200)
			require.Equal(t, "success", got.Status)
			require.Equal(t, []int64{9_00, 1_00}, []int64{b.balance(src), b.balance(dst)})
			require.Equal(t, 1, b.said("transfer.requested"))
			require.Equal(t, 1, one[int](b, `select count(*) from ledger.journal where kind = 'transfer'`))
			again := b.post(transfers, body, "Idempotency-Key", "k")
			require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
			require.Equal(t, got, as[toldTransaction](t, again, 200))
		})
	}
}

func refusedHeader(t *testing.T, a answer, k kind) string {
	t.Helper()
	refused(t, a, k)
	return a.header.Get("Retry-After")
}

// The ledger is out of reach, or its answer is lost: nobody is told a lie, and the
// same key gives the result, whoever brought the event there meanwhile.
func TestAnAnswerThatIsLostIsFoundUnderTheKey(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(10_00), b.account("EUR")
	lost := func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		return nil, errors.Join(err, errors.New("the answer is lost"))
	}
	away := func(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, errors.New("nobody there") }
	for n, network := range []func(http.RoundTripper, *http.Request) (*http.Response, error){lost, away, away} {
		key := fmt.Sprint("k", n)
		body := transfer(src, dst, "1", events.Debit)
		b.ledger.between = network
		got := b.post(transfers, body, "Idempotency-Key", key)
		require.Equal(t, "1", refusedHeader(t, got, outcomeUnknown))
		view := as[KeyView](t, b.get("/idempotency/"+key), 200)
		require.Zero(t, view.Requests[0].Status, "asked, and not answered")
		require.True(t, view.Requests[0].AnsweredAt.IsZero())
		p := refused(t, b.post(transfers, transfer(src, dst, "2", events.Debit), "Idempotency-Key", key), keyReused)
		require.Equal(t, "/amount", p.Errors[0].Pointer)
		b.ledger.between = nil
		if n == 2 { // the relay was there before us
			status, text := b.ledger.Post(t, b.outbox("transfer.requested"))
			require.Equal(t, 200, status, text)
		}
		got = b.post(transfers, body, "Idempotency-Key", key)
		require.Equal(t, "success", as[toldTransaction](t, got, 200).Status)
		require.Equal(t, "true", got.header.Get("Idempotency-Replayed"))
		require.NotEmpty(t, got.header.Get("Quittance-Journey"))
		again := b.post(transfers, body, "Idempotency-Key", key)
		require.Equal(t, got.body, again.body, "byte for byte")
		require.Equal(t, 200, as[KeyView](t, b.get("/idempotency/"+key), 200).Requests[0].Status)
		require.EqualValues(t, 10_00-int64(n+1)*1_00, b.balance(src))
	}
	require.Equal(t, 3, b.said("transfer.completed"))
}

// outbox reads the last event of a type as the relay does.
func (b *bank) outbox(eventType string) fn.Envelope {
	b.t.Helper()
	rows, err := b.owner.Query(context.Background(), `select `+fn.EnvelopeColumns+` from delivery.outbox
		where type = 'dev.quittance.' || $1 || '.v1' order by created_at desc limit 1`, eventType)
	require.NoError(b.t, err)
	require.True(b.t, rows.Next())
	defer rows.Close()
	e, err := fn.ScanEnvelope(rows)
	require.NoError(b.t, err)
	return e
}

// A2: who gets a transfer learns its id, and gains nothing by giving it to an
// operation of theirs.
func TestA2_TheIdOfATransferOpensNothingToWhoGetsIt(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	eve := b.as("eve", identity.Customer, identity.Service)
	src, dst := b.funded(10_00), eve.account("EUR")
	moved := as[toldTransaction](t, b.post(transfers, transfer(src, dst, "1", events.Debit)), 200)
	require.Equal(t, 202, eve.binary("a", "deposit.requested", payload(moved.TransactionID, dst, 1)).status)
	require.Equal(t, 200, eve.get("/operation-status/"+moved.TransactionID).status, "the operation is theirs")
	refused(t, eve.get("/journeys/"+moved.TransactionID), notFound)
	require.Equal(t, 200, b.get("/journeys/"+moved.TransactionID).status)

	given := as[toldBankTransaction](t, b.treasury().post(bankTransactions, bankTransaction(dst, "1", events.Credit, "Gift")), 200)
	require.Equal(t, 202, eve.binary("b", "deposit.requested", payload(given.TransactionID, dst, 1)).status)
	refused(t, eve.get("/journeys/"+given.TransactionID), notFound)
}

// A2: the account that is debited is the caller's, whichever field names it. What
// is somebody else's is answered like what is not there.
func TestA2_TheDebitedAccountIsTheCallers(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	eve := b.as("eve", identity.Customer, identity.Service)
	mine, theirs := b.funded(10_00), eve.funded(10_00)
	house := one[string](b, `select id::text from ledger.account where kind = 'cash' and currency = 'EUR'`)
	another := eve.account("EUR")
	before := b.rows()
	for what, body := range map[string]string{
		"somebody else's as src, debit":  transfer(theirs, mine, "1", events.Debit),
		"somebody else's as dst, credit": transfer(mine, theirs, "1", events.Credit),
		"nobody's as src, debit":         transfer(uuid.NewString(), mine, "1", events.Debit),
		"nobody's as dst, credit":        transfer(mine, uuid.NewString(), "1", events.Credit),
		"the bank's own as src, debit":   transfer(house, mine, "1", events.Debit),
		"the bank's own as dst, credit":  transfer(mine, house, "1", events.Credit),
		"both somebody else's":           transfer(theirs, another, "1", events.Debit),
	} {
		got := b.post(transfers, body)
		refused(t, got, notFound)
		require.Equal(t, told(b.post(transfers, transfer(uuid.NewString(), mine, "1", events.Debit))), told(got), what)
		require.Equal(t, before, b.rows(), "%s: nothing is written", what)
	}
	require.Equal(t, "fail", as[toldTransaction](t, b.post(transfers, transfer(mine, house, "1", events.Debit)), 200).Status, "the bank's own accounts are no customer's")
	require.Equal(t, []int64{10_00, 10_00}, []int64{b.balance(mine), b.balance(theirs)})
	require.Equal(t, "success", as[toldTransaction](t, eve.post(transfers, transfer(mine, theirs, "1", events.Credit)), 200).Status)
}

type badTransaction struct {
	Name, Route, Body, Problem, Pointer string
	Status                              int // 200: it is taken
}

// C04: bad input, from a file: nothing is stored.
func TestC04_CorpusOfTransactions(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	src, dst := b.funded(1000_00), b.account("EUR")
	list := cases[badTransaction](t, "transactions")
	require.GreaterOrEqual(t, len(list), 40)
	for _, c := range list {
		body := strings.NewReplacer("{src}", src, "{dst}", dst, "{long}", strings.Repeat("x", 501)).Replace(c.Body)
		t.Run(c.Name, func(t *testing.T) {
			before := b.rows()
			got := b.post(c.Route, body)
			require.Equal(t, c.Status, got.status, got.body)
			if c.Status == 200 {
				return
			}
			p := refused(t, got, kindNamed(t, c.Problem))
			if c.Pointer != "" {
				require.NotEmpty(t, p.Errors, got.body)
				require.Equal(t, c.Pointer, p.Errors[0].Pointer)
			}
			require.Equal(t, before, b.rows(), "nothing is written")
		})
	}
}
