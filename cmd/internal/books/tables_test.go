package books

import (
	"crypto/md5"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The ids of the clean bank, as its rows have them.
const (
	accountA, accountC = "10000000-0000-0000-0000-0000000000a1", "10000000-0000-0000-0000-0000000000c1"
	invoice            = "30000000-0000-0000-0000-000000000001"
	openInvoice        = "30000000-0000-0000-0000-000000000002"
	payment            = "40000000-0000-0000-0000-000000000001"
	transaction        = "71000000-0000-0000-0000-000000000001"
)

// journal is the id of the journal under a business key.
func journal(key string) string { return uuid.UUID(md5.Sum([]byte(key))).String() }

// move is a posted journal between two accounts in euros.
func move(key, debit, credit, amount string) string {
	return `insert into ledger.journal (id, kind, business_key, status, correlation_id, posted_at, debit_account, credit_account, currency, amount_minor)
		values (md5('` + key + `')::uuid, 'invoice', '` + key + `', 'posted', 'j', '2026-01-02 10:00Z', ` + debit + `, ` + credit + `, 'EUR', ` + amount + `)`
}

const cash, clearing = `md5('quittance/house/cash/EUR')::uuid`, `md5('quittance/house/card-clearing/EUR')::uuid`

// A checker that has never been seen to fire holds nothing. Each rule is broken
// alone, in a bank where all the others hold, and exactly its line appears,
// naming the row.
func TestEachRuleOfTheTablesFiresAlone(t *testing.T) {
	owner := openClean(t)
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		broken string   // number of the rule
		rows   []string // that its line names
		also   string   // number of a rule that cannot hold then
		by     []string
	}{
		"from an account to itself": {broken: "I01", rows: []string{journal("k")}, by: []string{
			`alter table ledger.journal drop constraint journal_between_two_accounts`, move("k", cash, cash, "5")}},
		"nothing": {broken: "I01", rows: []string{journal("k")}, by: []string{
			`alter table ledger.journal drop constraint journal_amount_positive`, move("k", cash, clearing, "0")}},
		"the wrong way round": {broken: "I01", rows: []string{journal("k")}, by: []string{
			`alter table ledger.journal drop constraint journal_amount_positive`, move("k", cash, clearing, "-5")}},
		"in another currency": {broken: "I01", rows: []string{journal("k")}, by: []string{
			move("k", cash, clearing, "5"), `update ledger.journal set currency = 'USD' where business_key = 'k'`}},
		"to nobody": {broken: "I01", also: "I06", rows: []string{journal("k")}, by: []string{move("k", cash, `gen_random_uuid()`, "5")}},
		"posted without a position": {broken: "I02", rows: []string{journal("k")}, by: []string{
			move("k", cash, `'`+accountA+`'`, "5"),
			`update ledger.account set balance_minor = balance_minor + 5 where id = '` + accountA + `'`,
			`update query.balance set balance_minor = balance_minor + 5 where account_id = '` + accountA + `'`}},
		"the bank's own with a position": {broken: "I02", rows: []string{journal("operation:70000000-0000-0000-0000-000000000001")}, by: []string{
			`update ledger.journal set debit_seq = 1, debit_balance_minor = -100 where business_key = 'operation:70000000-0000-0000-0000-000000000001'`}},
		"failed with a position": {broken: "I02", rows: []string{journal("operation:70000000-0000-0000-0000-000000000007")}, by: []string{
			`alter table ledger.journal drop constraint failed_journal_moves_nothing`,
			`update ledger.journal set debit_seq = 9, debit_balance_minor = 0 where business_key = 'operation:70000000-0000-0000-0000-000000000007'`}},
		"failed without a reason": {broken: "I02", rows: []string{journal("operation:70000000-0000-0000-0000-000000000007")}, by: []string{
			`alter table ledger.journal drop constraint failed_journal_has_reason`,
			`update ledger.journal set reason = null where business_key = 'operation:70000000-0000-0000-0000-000000000007'`}},
		"more balance than entries": {broken: "I03", also: "I06", rows: []string{accountA}, by: []string{
			`update ledger.account set balance_minor = balance_minor + 1 where id = '` + accountA + `'`,
			`update query.balance set balance_minor = balance_minor + 1 where account_id = '` + accountA + `'`}},
		"a gap": {broken: "I04", rows: []string{journal("payment:" + payment)}, by: []string{
			`update ledger.journal set credit_seq = 3 where kind = 'invoice'`}},
		"a jump": {broken: "I04", rows: []string{journal("payment:" + payment)}, by: []string{
			`update ledger.journal set credit_balance_minor = 801 where kind = 'invoice'`}},
		"no running balance": {broken: "I04", rows: []string{journal("payment:" + payment)}, by: []string{
			`alter table ledger.journal drop constraint position_with_balance`,
			`update ledger.journal set credit_balance_minor = null where kind = 'invoice'`}},
		"once below the floor": {broken: "I05", rows: []string{journal("operation:70000000-0000-0000-0000-000000000001")}, by: []string{
			`update ledger.account set floor_minor = 101 where id = '` + accountA + `'`}},
		"money from nowhere": {broken: "I06", also: "I01", rows: []string{"EUR"}, by: []string{
			`update ledger.journal set debit_account = gen_random_uuid() where business_key = 'operation:70000000-0000-0000-0000-000000000001'`}},
		"answered otherwise": {broken: "I07", rows: []string{"k1"}, by: []string{
			`alter table idempotency.request disable trigger request_answered_once`,
			`update idempotency.request set body = replace(body, 'fail', 'success')`}},
		"answered and not in the ledger": {broken: "I07", rows: []string{"k1"}, by: []string{
			`alter table idempotency.request disable trigger request_answered_once`,
			`update idempotency.request set body = replace(body, '` + transaction + `', '` + accountA + `')`}},
		"asked for and not in the ledger": {broken: "C03", rows: []string{"asked"}, by: []string{
			`update delivery.outbox set data = '{"transaction_id":"` + accountA + `"}' where id = 'asked'`}},
		"in the ledger twice": {broken: "C03", also: "C06", rows: []string{"asked"}, by: []string{
			`delete from idempotency.request`,
			`alter table ledger.journal drop constraint journal_id cascade`, move("transaction:"+transaction, cash, clearing, "9000")}},
		"an old claim": {broken: "I08", rows: []string{"payment put off"}, by: []string{`delete from delivery.redelivery`}},
		"E before Mambu": {broken: "I09", rows: []string{accountC}, by: []string{
			`update closure.account_closure set mambu_closed_at = e_closed_at + interval '1 second' where account_id = '` + accountC + `'`}},
		"closed before E": {broken: "I09", rows: []string{accountC}, by: []string{
			`update closure.account_closure set closed_at = e_closed_at - interval '1 second' where account_id = '` + accountC + `'`}},
		"closed without E": {broken: "I09", rows: []string{accountC}, by: []string{
			`alter table closure.account_closure drop constraint e_closed_has_time`,
			`update closure.account_closure set e_closed_at = null where account_id = '` + accountC + `'`}},
		"closed with money": {broken: "I10", rows: []string{accountA}, by: []string{
			`alter table ledger.account drop constraint closing_account_is_empty`,
			`update ledger.account set status = 'closed', closing_at = now(), closed_at = now() where id = '` + accountA + `'`,
			`update query.account_projection set status = 'closed' where account_id = '` + accountA + `'`}},
		"posted after the end": {broken: "I10", rows: []string{accountC}, by: []string{
			`update query.report_line set occurred_at = '2026-01-03' where id = '70000000-0000-0000-0000-000000000005'`,
			`update ledger.journal set posted_at = '2026-01-03' where business_key = 'operation:70000000-0000-0000-0000-000000000005'`}},
		"nobody was told": {broken: "I13", rows: []string{accountC}, by: []string{
			`delete from notification.notification where kind = 'account.closed'`}},
		"telling failed": {broken: "I13", rows: []string{accountC}, by: []string{
			`update notification.notification set state = 'failed', last_error = 'no', sent_at = null where kind = 'account.closed'`}},
		"captured twice": {broken: "I14", rows: []string{invoice}, by: []string{
			`drop index invoicing.one_captured_payment_per_invoice`,
			`update invoicing.payment set state = 'captured', charged_at = now(), amount_minor = 700, invoice_id = '` + invoice + `' where state = 'failed'`}},
		"another amount": {broken: "I14", rows: []string{invoice}, by: []string{
			`update invoicing.payment set amount_minor = 701 where id = '` + payment + `'`}},
		"paid by a payment that is owed back": {broken: "I16", rows: []string{invoice}, by: []string{
			`update invoicing.payment set state = 'refund_due', reason = 'late' where id = '` + payment + `'`}},
		"captured and not paid": {broken: "I16", rows: []string{openInvoice}, by: []string{
			`update invoicing.payment set state = 'captured', charged_at = now() where invoice_id = '` + openInvoice + `'`}},
		"unheard": {broken: "I18", rows: []string{"query t.v1 handled"}, by: []string{
			`delete from delivery.idempotency where id = 'handled'`}},
		"claimed only": {broken: "I18", rows: []string{"query t.v1 handled"}, by: []string{
			`update delivery.idempotency set state = 'claimed', done_at = null, lease_until = now() where id = 'handled'`}},
		"a dead letter that was closed": {broken: "I18", rows: []string{"banking t.v1 handled"}, by: []string{
			`update delivery.dead_letter set status = 'replayed'`}},
		"not sent": {broken: "I20", rows: []string{"t.v1 handled"}, by: []string{`insert into delivery.queue (broker, source, id, created_at, due_at) select broker, source, id, created_at, created_at from delivery.outbox where id = 'handled'`}},
		"not posted": {broken: "I23", also: "C06", rows: []string{invoice}, by: []string{
			`update ledger.journal set id = md5('payment:other')::uuid, business_key = 'payment:other' where kind = 'invoice'`}},
		"posted twice": {broken: "I23", also: "C06", rows: []string{invoice}, by: []string{
			`alter table ledger.journal drop constraint journal_id cascade`, move("payment:"+payment, cash, clearing, "700")}},
		"an address": {broken: "I25", rows: []string{"handled"}, by: []string{
			`update delivery.outbox set data = '{"to":"somebody@mail.invalid"}' where id = 'handled'`}},
		"a telephone number": {broken: "I25", rows: []string{"handled"}, by: []string{
			`update delivery.outbox set data = '{"to":"+491701234567"}' where id = 'handled'`}},
		"no receipt": {broken: "D05", rows: []string{invoice}, by: []string{`delete from invoicing.receipt`}},
		"two receipts": {broken: "D05", rows: []string{invoice}, by: []string{
			`alter table invoicing.receipt drop constraint one_receipt_per_invoice`,
			`insert into invoicing.receipt select gen_random_uuid(), invoice_id, payment_id, issuer, 2, pdf, issued_at from invoicing.receipt`}},
		"a number left out": {broken: "D05", rows: []string{"quittance"}, by: []string{`update invoicing.receipt set number = 2`}},
		"another balance to read": {broken: "B14", rows: []string{accountA}, by: []string{
			`update query.balance set balance_minor = 1 where account_id = '` + accountA + `'`}},
		"an old balance to read": {broken: "B14", rows: []string{accountC}, by: []string{
			`update query.balance set account_seq = 1 where account_id = '` + accountC + `'`}},
		"another state to read": {broken: "B14", rows: []string{accountC}, by: []string{
			`update query.account_projection set status = 'open' where account_id = '` + accountC + `'`}},
		"an account that cannot be read": {broken: "B14", rows: []string{accountC}, by: []string{
			`delete from query.account_projection where account_id = '` + accountC + `'`}},
		"a line that is missing": {broken: "C06", rows: []string{journal("operation:70000000-0000-0000-0000-000000000007")}, by: []string{
			`delete from query.report_line where status = 'fail'`}},
		"a line of nothing": {broken: "C06", rows: []string{"70000000-0000-0000-0000-000000000009"}, by: []string{
			`insert into query.report_line select occurred_at, '70000000-0000-0000-0000-000000000009', kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason
			 from query.report_line where id = '70000000-0000-0000-0000-000000000001'`}},
		"a line there twice": {broken: "C06", rows: []string{"70000000-0000-0000-0000-000000000001"}, by: []string{
			`insert into query.report_line select occurred_at + interval '1 second', id, kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason
			 from query.report_line where id = '70000000-0000-0000-0000-000000000001'`}},
		"another amount in the report": {broken: "C06", rows: []string{"70000000-0000-0000-0000-000000000001"}, by: []string{
			`update query.report_line set amount_minor = 101 where id = '70000000-0000-0000-0000-000000000001'`}},
		"another end in the report": {broken: "C06", rows: []string{"70000000-0000-0000-0000-000000000001"}, by: []string{
			`update query.report_line set status = 'fail', reason = 'no' where id = '70000000-0000-0000-0000-000000000001'`}},
		"the other direction in the report": {broken: "C06", rows: []string{"70000000-0000-0000-0000-000000000001"}, by: []string{
			`update query.report_line set direction = 'debit' where id = '70000000-0000-0000-0000-000000000001'`}},
	} {
		seen[c.broken] = true
		t.Run(c.broken+" "+name, func(t *testing.T) {
			lines, err := Tables(t.Context(), breaking(t, owner, c.by...))
			require.NoError(t, err)
			if c.also != "" {
				at := slices.IndexFunc(lines, startsWith(c.also))
				require.GreaterOrEqual(t, at, 0, "%v", lines)
				lines = slices.Delete(lines, at, at+1)
			}
			require.Len(t, lines, 1)
			require.True(t, startsWith(c.broken)(lines[0]), lines[0])
			for _, row := range c.rows {
				require.Contains(t, lines[0], row)
			}
		})
	}
	for _, r := range rules {
		require.True(t, seen[strings.Fields(r.name)[0]], "%s is never broken by this test", r.name)
	}
	lines, err := Tables(t.Context(), owner)
	require.NoError(t, err)
	require.Empty(t, lines, "clean data is silent, before and after")
}

func startsWith(number string) func(string) bool {
	return func(line string) bool { return strings.HasPrefix(line, number+" ") }
}

// A line names three rows at most, and counts all of them.
func TestALineIsShort(t *testing.T) {
	tx := breaking(t, openClean(t), `update ledger.account set balance_minor = balance_minor + 1, status = 'open', closing_at = null, closed_at = null where kind = 'customer'`,
		`insert into ledger.account (id, kind, product, currency, balance_minor) values (gen_random_uuid(), 'customer', 'current', 'EUR', 1)`)
	lines, err := Tables(t.Context(), tx)
	require.NoError(t, err)
	at := slices.IndexFunc(lines, startsWith("I03"))
	require.GreaterOrEqual(t, at, 0)
	require.Contains(t, lines[at], ": 4, such as [")
	require.Len(t, strings.Fields(lines[at][strings.Index(lines[at], "["):]), 3)
}

// What cannot be asked is an error, not a clean bill.
func TestABrokenQueryIsAnError(t *testing.T) {
	tx := breaking(t, openClean(t), `drop schema invoicing cascade`)
	_, err := Tables(t.Context(), tx)
	require.ErrorContains(t, err, "I14")
	_, err = Rest(t.Context(), tx)
	require.ErrorContains(t, err, "look for what is waiting")
}

func TestRestCountsWhatIsOnItsWay(t *testing.T) {
	owner := openClean(t)
	waiting := func(statements ...string) (n int) {
		t.Run("", func(t *testing.T) {
			var err error
			n, err = Rest(t.Context(), breaking(t, owner, statements...))
			require.NoError(t, err)
		})
		return n
	}
	require.Equal(t, 1, waiting(), "the call that is put off")
	rest := `delete from delivery.redelivery`
	require.Zero(t, waiting(rest))
	require.Equal(t, 1, waiting(rest, `insert into delivery.queue (broker, source, id, created_at, due_at) select broker, source, id, created_at, created_at from delivery.outbox where id = 'handled'`))
	require.Equal(t, 1, waiting(rest, `delete from delivery.idempotency`))
	require.Equal(t, 2, waiting(rest, `delete from delivery.idempotency`, `delete from delivery.dead_letter`))
}
