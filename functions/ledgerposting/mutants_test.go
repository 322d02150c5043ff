package ledgerposting_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var mutate = flag.Bool("mutants", false, "break the ledger in each of the ways below and see which test notices (minutes)")

var only = flag.String("mutant", "", "with -mutants: only those whose name contains this")

// mutant is one way to get it wrong.
type mutant struct {
	name     string
	file     string // in the module
	old, new string // what is broken; old occurs once
	pkg      string // whose test notices
	killer   string // the test that must fail
}

const (
	ledgerSQL = "schema/migrations/003_ledger.sql"
	rolesSQL  = "schema/migrations/009_roles.sql"
	postGo    = "ledger/post.go"
	decideGo  = "ledger/decide.go"
	writesGo  = "ledger/writes.go"
	accountGo = "ledger/account.go"
	roomGo    = "ledgerposting/ledgerposting.go"
)

var mutants = []mutant{
	{"a journal under any name", ledgerSQL, "check (id = md5(business_key)::uuid)", "check (true)", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_named_by_business_key"},
	{"no floor in the database", ledgerSQL, "floor_minor is null or balance_minor >= floor_minor", "true", "schema", "TestEveryRuleIsHeld/ledger.account/balance_not_below_floor"},
	{"an account goes back", ledgerSQL, "('open', 'closing'), ('closing', 'closed')", "('open', 'closing'), ('closing', 'closed'), ('closing', 'open')", "schema", "TestEveryRuleIsHeld/ledger.account/account_moves_forwardaccount_moves_forward#01"},
	{"a failed journal moves money", ledgerSQL, "status = 'posted' or (debit_seq is null and credit_seq is null)", "true", "schema", "TestEveryRuleIsHeld/ledger.journal/failed_journal_moves_nothing"},
	{"nothing is moved", ledgerSQL, "check (amount_minor > 0),\n    constraint journal_between", "check (amount_minor >= 0),\n    constraint journal_between", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_amount_positive"},
	{"any currency of the customer's account", ledgerSQL, "a.id = n.id and a.currency = n.currency and", "a.id = n.id and", "schema", "TestEveryRuleIsHeld/ledger.journal/customer_side_in_currency_of_accountapply_journals#02"},
	{"a position of the bank's own", ledgerSQL, "a.kind = 'customer' and a.status = 'open' and", "a.status = 'open' and", "schema", "TestEveryRuleIsHeld/ledger.journal/customer_side_in_currency_of_accountapply_journals#01"},
	{"an account that is closing takes money", ledgerSQL, "a.kind = 'customer' and a.status = 'open' and", "a.kind = 'customer' and", "schema", "TestEveryRuleIsHeld/ledger.journal/account_takes_postingsapply_journals"},
	{"an emptied savings account takes more", ledgerSQL, "(a.product <> 'simple-savings' or n.emptied in (0, n.last))", "true", "schema", "TestEveryRuleIsHeld/ledger.journal/account_takes_postingsapply_journals#01"},
	{"below the floor for a moment", ledgerSQL, " and n.lowest >= a.floor_minor", "", "schema", "TestEveryRuleIsHeld/ledger.journal/posting_not_below_floorapply_journals#01"},
	{"a gap after the last position", ledgerSQL, "and n.first = a.seq + 1 and", "and n.first > a.seq and", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_continues_accountapply_journals"},
	{"a gap between two positions", ledgerSQL, "seq = seq_before + 1 and", "seq > seq_before and", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_continues_accountapply_journals#02"},
	{"any balance to begin with", ledgerSQL, " and n.opening = a.balance_minor", "", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_continues_accountapply_journals#04"},
	{"any balance in between", ledgerSQL, " and balance - change = balance_before", "", "schema", "TestEveryRuleIsHeld/ledger.journal/journal_continues_accountapply_journals#05"},
	{"a customer's account without a position", ledgerSQL, " and a.kind <> 'customer'))", "))", "schema", "TestEveryRuleIsHeld/ledger.journal/own_side_of_the_bankapply_journals"},
	{"the bank's account of another currency", ledgerSQL, "a.currency = own.currency and", "", "schema", "TestEveryRuleIsHeld/ledger.journal/own_side_of_the_bankapply_journals#02"},
	{"journals can be truncated", ledgerSQL, "before update or delete or truncate on ledger.journal", "before update or delete on ledger.journal", "schema", "TestEveryRuleIsHeld/ledger.journal/append_onlyappend_only#03"},
	{"balances are written by hand", rolesSQL, "grant select, update (closing_at) on ledger.account", "grant select, update (balance_minor, closing_at) on ledger.account", "schema", "TestA28_C1_RulesOverTheMatrix"},
	{"the api may write journals", rolesSQL, "-- validation\n", "grant update on ledger.journal to quittance_api;\n", "schema", "TestA28_C1_RulesOverTheMatrix"},
	{"everybody may read customers", rolesSQL, "-- validation\n", "grant usage on schema accounts to quittance_validation; grant select on accounts.customer to quittance_validation;\n", "schema", "TestA28_C1_RoleMatrix"},

	{"no floor in the code", decideGo, "a.available() < uint64(p.AmountMinor)", "false", "ledger", "TestDecide/C02_a_withdrawal_takes_no_more"},
	{"the floor off by one", decideGo, "a.available() < uint64(p.AmountMinor)", "a.available() <= uint64(p.AmountMinor)", "ledger", "TestDecide/C02_a_withdrawal_takes_everything"},
	{"the floor overflows", decideGo, "a.available() < uint64(p.AmountMinor)", "a.balance-a.floor < p.AmountMinor", "ledger", "TestDecide/what_is_available_may_be_over_the_largest_number"},
	{"a second deposit", decideGo, "a.deposits > 0", "a.deposits > 1", "ledger", "TestDecide/A01_the_second_deposit"},
	{"invoices are not deposits", decideGo, "!debit && a.product", "!debit && p.Kind != Invoice && a.product", "ledger", "TestDecide/A01_an_invoice_is_money_in"},
	{"balances overflow", decideGo, "a.balance > math.MaxInt64-p.AmountMinor", "a.balance+p.AmountMinor > math.MaxInt64", "ledger", "TestDecide/a_balance_over_the_largest"},
	{"any product closes", decideGo, " && a.product == events.SimpleSavings {", " {", "ledger", "TestDecide/A03_another_product_does_not"},
	{"nearly nothing closes", decideGo, "a.balance == 0", "a.balance <= 1", "ledger", "TestDecide/A03_one_minor_unit_left_does_not"},
	{"a deposit closes", decideGo, "		a.post(p.AmountMinor)\n	}\n	o.BalanceMinor", "		a.post(p.AmountMinor)\n		o.Closing = a.balance == 0 && a.product == events.SimpleSavings\n	}\n	o.BalanceMinor", "ledger", "TestDecide/A03_a_deposit_up_to_zero_does_not"},
	{"money nobody can take is refused", decideGo, "case reason != \"\" && p.Kind == Invoice:", "case false:", "ledger", "TestF32_WhatItsAccountCannotTakeWaitsInSuspense"},
	{"a position twice", decideGo, "	a.seq++\n", "", "ledger", "TestB04_APostingIsTwoEntriesWhoseSumIsZero"},

	{"debit and credit swapped", writesGo, "if p.Kind.debits() {", "if !p.Kind.debits() {", "ledger", "TestB04_APostingIsTwoEntriesWhoseSumIsZero"},
	{"invoices from the till", writesGo, "counterpart(p.Kind)", "Cash", "ledger", "TestB04_APostingIsTwoEntriesWhoseSumIsZero"},
	{"no lock", postGo, "order by id for no key update`, ids", "order by id`, ids", "ledgerposting", "TestAGroupLocksItsAccountsInOneOrder"},
	{"locks in no order", postGo, "order by id for no key update`, ids", "order by id desc for no key update`, ids", "ledgerposting", "TestAGroupLocksItsAccountsInOneOrder"},
	{"a key twice in a batch", postGo, "first, ok := inBatch[p.BusinessKey]; ok", "first, ok := inBatch[p.BusinessKey]; ok && first < 0", "ledger", "TestB05_TheSameBusinessKeyPostsOnce"},
	{"a key twice over transactions", postGo, "if before != nil {", "if before != nil && before.posting.Kind == \"\" {", "ledger", "TestB05_TheSameBusinessKeyPostsOnce"},
	{"a key for another account", postGo, "p.Kind == q.Kind && p.AccountID == q.AccountID && ", "p.Kind == q.Kind && ", "ledger", "TestABusinessKeyStandsForOnePosting"},
	{"a key for another kind", postGo, "return p.Kind == q.Kind && ", "return ", "ledger", "TestABusinessKeyStandsForOnePosting"},
	{"a key for another amount", postGo, " && p.AmountMinor == q.AmountMinor", "", "ledger", "TestABusinessKeyStandsForOnePosting"},
	{"negative amounts", postGo, "p.AmountMinor <= 0 || ", "", "ledger", "TestABusinessKeyStandsForOnePosting"},
	{"closing is said and not stored", ledgerSQL, "then 'closing' else a.status", "then 'open' else a.status", "ledger", "TestA03_OnlyAWithdrawalToExactlyNothingFreezesASimpleSavingsAccount"},
	{"a repeated closing is not said", postGo, "&p.outcome.Closing}, func", "new(bool)}, func", "ledger", "TestB05_TheSameBusinessKeyPostsOnce"},
	{"deposits are not counted", ledgerSQL, ", deposits = a.deposits + n.deposits", "", "ledger", "TestB05_C02_TheLedgerIsTheReference"},

	{"an account with money is frozen", accountGo, ` || a.BalanceMinor != 0`, ``, "ledger", "TestFreezeAndClose"},
	{"freezing does not lock", accountGo, `kind = 'customer' for update`, `kind = 'customer'`, "ledger", "TestFreezeAndDepositAtOnce"},
	{"an open account is closed", accountGo, " where id = $1 and status = 'closing'`", " where id = $1`", "ledger", "TestFreezeAndClose"},

	{"not serializable", roomGo, "Serializable: true", "Serializable: false", "ledgerposting", "TestB08_PostingIsSerializable"},
	{"one type after the other", "fn/group.go", "cmp.Or(u.claim.r.handler.family, u.claim.r.eventType)", "cmp.Or(u.claim.r.eventType, u.claim.r.handler.family)", "ledgerposting", "TestAGroupLocksItsAccountsInOneOrder"},

	{"claimed last, or never", "fn/claim.go", "verdicts[i] = errDone", "verdicts[i] = nil", "ledgerposting", "TestConformance/F01_a_second_delivery_changes_nothing"},
	{"nothing is claimed", "fn/claim.go", "case claimDone, claimLease:\n			c.fresh", "case claimLease:\n			c.fresh", "ledgerposting", "TestConformance/F02_twenty_deliveries_at_once_have_one_effect"},
	{"a failed commit is a success", "fn/transaction.go", "	if err := commit(ctx, conn, tx.last, results); err != nil {\n		return nil, rollback(ctx, conn, err)\n	}\n", "	if err := commit(ctx, conn, tx.last, results); err != nil {\n		_ = rollback(ctx, conn, err)\n	}\n", "ledgerposting", "TestF12_WhatWasAcknowledgedSurvivesPostgres"},
	{"a failed commit is a success, quietly", "fn/transaction.go", "	if err := commit(ctx, conn, tx.last, results); err != nil {\n		return nil, rollback(ctx, conn, err)\n	}\n", "	if err := commit(ctx, conn, tx.last, results); err != nil {\n		_ = rollback(ctx, conn, err)\n	}\n", "ledgerposting", "TestConformance/F11_a_commit_that_fails_is_never_a_success"},
	{"what is done is not said", "fn/transaction.go", "	queueOutbox(batch, said)\n", "", "ledgerposting", "TestF12_WhatWasAcknowledgedSurvivesPostgres"},
	{"a server that forgets", "pgserver/settings.go", `true: "on", false: "off"`, `true: "off", false: "off"`, "ledgerposting", "TestF12_WhatWasAcknowledgedSurvivesPostgres"},
}

// TestEveryMutantCanBeMade: the code moves on, and what is to be broken is still
// there, once, and so is the test that must notice.
func TestEveryMutantCanBeMade(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join("..", m.file))
		require.NoError(t, err, m.name)
		require.Equal(t, 1, strings.Count(string(source), m.old), "%s: %q in %s: the mutant is to be written anew", m.name, m.old, m.file)
		files, err := filepath.Glob(filepath.Join("..", m.pkg, "*_test.go"))
		require.NoError(t, err, m.name)
		killer, _, _ := strings.Cut(m.killer, "/")
		require.True(t, slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			return strings.Contains(string(text), "\nfunc "+killer+"(")
		}), "%s: %s has no test %s", m.name, m.pkg, killer)
	}
}

// TestMutants breaks the code, one way at a time, in an overlay that only the
// compiler sees, and requires that the named test fails.
func TestMutants(t *testing.T) {
	if !*mutate {
		t.Skip("takes minutes; run with -mutants")
	}
	module, err := filepath.Abs("..")
	require.NoError(t, err)
	for _, m := range mutants {
		if !strings.Contains(m.name, *only) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			path := filepath.Join(module, m.file)
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			broken := filepath.Join(t.TempDir(), filepath.Base(m.file))
			require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600))
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
			require.NoError(t, err)
			overlayFile := filepath.Join(t.TempDir(), "overlay.json")
			require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

			run := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=3m", "-overlay", overlayFile, "-run", pattern(m.killer), "./"+m.pkg)
			run.Dir = module
			output, err := run.CombinedOutput()
			require.Error(t, err, "it lives")
			require.Contains(t, string(output), "--- FAIL: "+m.killer+" ", "%s", output)
		})
	}
}

// pattern is what go test -run takes for one test or subtest.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	return strings.Join(parts, "/")
}
