package api

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/identity"
)

// treasury is somebody who moves money for the bank.
func (b *bank) treasury() *bank { return b.as("olga", identity.Treasury) }

type toldBankTransaction struct {
	TransactionID string           `json:"transaction_id"`
	Timestamp     string           `json:"transaction_timestamp"`
	DstAccountID  string           `json:"dst_account_id"`
	Amount        float64          `json:"amount"`
	Direction     events.Direction `json:"direction"`
	Status        string           `json:"status"`
	Reason        string           `json:"reason"`
}

const bankTransactions = "/api/v1/bank_transactions"

func bankTransaction(dst, amount string, direction events.Direction, reason string) string {
	text, _ := json.Marshal(reason) // a string always encodes
	return `{"dst_account_id":"` + dst + `","amount":` + amount + `,"direction":"` + string(direction) + `","reason":` + string(text) + `}`
}

// C11, C12: the bank gives and takes; the request says why, the answer why not.
func TestC11_C12_TheBankGivesAndTakes(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	treasury := b.treasury()
	gives := treasury.post(bankTransactions, bankTransaction(account, "12.30", events.Credit, "Advance payment week 1 for canary-name"))
	got := as[toldBankTransaction](t, gives, 200)
	require.Equal(t, []string{"success", ""}, []string{got.Status, got.Reason}, "a reason only on fail")
	require.NotContains(t, gives.body, "reason")
	require.Empty(t, gives.header.Get("Quittance-Journey"), "which the treasury may not follow")
	require.EqualValues(t, 12_30, b.balance(account))
	takes := as[toldBankTransaction](t, treasury.post(bankTransactions, bankTransaction(account, "2.30", events.Debit, "Fee")), 200)
	require.Equal(t, "success", takes.Status)
	require.EqualValues(t, 10_00, b.balance(account))
	no := as[toldBankTransaction](t, treasury.post(bankTransactions, bankTransaction(account, "10.01", events.Debit, "Fee")), 200)
	require.Equal(t, []string{"fail", "Insufficient funds"}, []string{no.Status, no.Reason})

	require.Equal(t, "1230 -230", one[string](b, `
		select string_agg(amount_minor::text, ' ' order by amount_minor desc) from ledger.entry e join ledger.account a on a.id = e.account_id where a.kind = 'treasury'`), "the bank's own account is the other side")
	require.Equal(t, got.TransactionID, one[string](b, `
		select id::text from banking.bank_transaction where to_tsvector('simple', reason) @@ plainto_tsquery('simple', 'advance WEEK')`), "stored and searchable")
	require.Equal(t, 3, one[int](b, `select count(*) from banking.bank_transaction`), "one that was refused, too")
	require.Empty(t, one[string](b, `
		select coalesce(string_agg(o.data::text, ' '), '') from delivery.outbox o where o.data::text like '%canary%'`), "A31: in no event")
	require.Empty(t, one[string](b, `select coalesce(string_agg(r::text, ' '), '') from idempotency.request r where r::text like '%canary%'`))
	require.Contains(t, b.log.String(), got.TransactionID, "the log tells of it")
	require.NotContains(t, b.log.String(), "canary", "and not why")

	found := as[BankTransactionList](t, treasury.get(bankTransactions+"?reason=WEEK+advance"), 200).BankTransactions
	require.Len(t, found, 1)
	require.Equal(t, []string{got.TransactionID, account, "12.30", "EUR", "credit", "Advance payment week 1 for canary-name"},
		[]string{found[0].TransactionID, found[0].DstAccountID, found[0].Amount.digits, found[0].Currency, string(found[0].Direction), found[0].Reason})
	require.Equal(t, identity.ID("https://issuer.example", "olga"), found[0].AskedBy)

	refused(t, treasury.post(bankTransactions, bankTransaction(uuid.NewString(), "1", events.Credit, "To nobody")), notFound)
	again := treasury.post(bankTransactions, bankTransaction(account, "1", events.Credit, "Gift"), "Idempotency-Key", "k")
	require.Equal(t, again.body, treasury.post(bankTransactions, bankTransaction(account, "1", events.Credit, "Gift"), "Idempotency-Key", "k").body)
	require.EqualValues(t, 11_00, b.balance(account))
	p := refused(t, treasury.post(bankTransactions, bankTransaction(account, "1", events.Credit, "Another"), "Idempotency-Key", "k"), keyReused)
	require.Equal(t, "/reason", p.Errors[0].Pointer)
}

// C11: the treasury and operators find them page by page, by account and by words.
func TestC11_BankTransactionsAreFound(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	treasury := b.treasury()
	first, second := b.account("EUR"), b.account("EUR")
	for i := range 5 {
		treasury.post(bankTransactions, bankTransaction(first, fmt.Sprint(i+1), events.Credit, fmt.Sprintf("Bonus number %d", i+1)))
	}
	treasury.post(bankTransactions, bankTransaction(second, "9", events.Debit, "A fee; not a bonus"))
	find := func(query string) (reasons []string) {
		for path := bankTransactions + "?limit=2&" + query; ; {
			page := as[BankTransactionList](t, treasury.get(path), 200)
			require.LessOrEqual(t, len(page.BankTransactions), 2)
			for _, found := range page.BankTransactions {
				reasons = append(reasons, found.Reason)
			}
			if page.Next == "" {
				return reasons
			}
			path = bankTransactions + "?limit=2&" + query + "&after=" + page.Next
		}
	}
	bonuses := []string{"Bonus number 5", "Bonus number 4", "Bonus number 3", "Bonus number 2", "Bonus number 1"}
	require.Equal(t, append([]string{"A fee; not a bonus"}, bonuses...), find(""), "newest first, refused ones too")
	require.Equal(t, bonuses, find("account_id="+first))
	require.Equal(t, bonuses, find("reason=bonus+-fee"))
	require.Equal(t, []string{"Bonus number 3"}, find("reason=3+bonus"))
	require.Empty(t, find("reason="+url.QueryEscape(`"bonus 3"`)))
	require.Empty(t, find("reason="+url.QueryEscape(`' & | ! <-> "`)+"&account_id="+uuid.NewString()), "never a mistake in the search")
	require.Len(t, as[BankTransactionList](t, b.as("otto", identity.Operator).get(bankTransactions), 200).BankTransactions, 6)
	refused(t, b.as("ada", identity.Customer).get(bankTransactions), insufficientScope)
	refused(t, treasury.get(bankTransactions+"?account_id=1"), invalidContent)
	refused(t, treasury.get(bankTransactions+"?reason=%00"), invalidContent)
	refused(t, treasury.get(bankTransactions+"?reason=%ff"), invalidContent)
	refused(t, treasury.get(bankTransactions+"?after=fA"), invalidCursor)
}
