package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
)

// B06, B09, B13, B15: each owner has the tables that were asked for in its own
// schema. What they ask for as a table of events is one outbox for all, which takes
// from each role what it says and nothing else
// (TestA28_NobodySaysAnythingInAnothersName).
func TestB06_B09_B15_EachOwnerHasItsTables(t *testing.T) {
	t.Parallel()
	owner := connect(t, pgtest.New(t), "")
	for table, columns := range map[string][]string{
		"accounts.customer":          {"id", "owner", "name", "email", "phone"},
		"accounts.account":           {"id", "number", "customer_id", "product", "currency"},
		"ledger.account":             {"id", "status", "balance_minor", "floor_minor"},
		"ledger.journal":             {"id", "business_key", "status", "debit_account", "credit_account", "amount_minor"},
		"ledger.entry":               {"account_id", "amount_minor"},
		"banking.operation":          {"id", "kind", "state", "reason", "balance_minor"},
		"banking.account_projection": {"account_id", "status"},
		"query.balance":              {"account_id", "balance_minor", "account_seq"},
		"query.account_projection":   {"account_id", "status"},
		"delivery.outbox":            {"id", "source", "type", "data"},
	} {
		found := column[string](t, owner, `
			select column_name::text from information_schema.columns where table_schema || '.' || table_name = $1`, table)
		require.Subset(t, found, columns, table)
	}
	saying := column[string](t, owner, `
		select distinct grantee::text from information_schema.column_privileges
		where table_schema = 'delivery' and table_name = 'outbox' and privilege_type = 'INSERT' and grantee like 'quittance%' order by 1`)
	require.Subset(t, saying, []string{"quittance_api", "quittance_ledger_posting"}, "accounts and banking say what they ask for through the api, the ledger what it has posted")
}
