package schema_test

var accountRules = []rule{
	{table: "accounts.customer", name: "customer_id", sql: `insert into accounts.customer (id, name, email, phone) values ({customer}, 'B', 'b@example.com', '')`},
	{table: "accounts.customer", name: "customer_has_name", sql: `insert into accounts.customer (id, name, email, phone) values ({new}, '', 'b@example.com', '')`},
	{table: "accounts.customer", name: "customer_has_email", sql: `insert into accounts.customer (id, name, email, phone) values ({new}, 'B', 'b@', '')`},
	{table: "accounts.account", name: "account_id", sql: `insert into accounts.account (id, customer_id, product, currency) values ({account}, {customer}, 'current', 'EUR')`},
	{table: "accounts.account", name: "account_has_customer", sql: `insert into accounts.account (id, customer_id, product, currency) values ({new}, {nobody}, 'current', 'EUR')`},
	{table: "accounts.account", name: "account_product_known", sql: `insert into accounts.account (id, customer_id, product, currency) values ({new}, {customer}, 'gold', 'EUR')`},
}

const (
	inLedger = `insert into ledger.account (id, kind, product, currency, status, balance_minor, floor_minor, closing_at, closed_at) values `
	failed   = `insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at) values `
	journal  = `with j as (insert into ledger.journal (id, kind, business_key, status, correlation_id, posted_at) values ({new}, 'deposit', 'new', 'posted', '', now())) `
	entry    = `insert into ledger.entry (journal_id, leg, account_id, currency, amount_minor, account_seq, balance_after_minor) values `
	suspense = `insert into ledger.suspense_case (id, journal_id, account_id, amount_minor, currency, reason, status) values `
)

var ledgerRules = []rule{
	{table: "ledger.account", name: "account_id", sql: inLedger + `({account}, 'customer', 'current', 'USD', 'open', 0, 0, null, null)`},
	{table: "ledger.account", name: "account_currency_once", behind: []string{"account_id"},
		sql: inLedger + `({account}, 'customer', 'current', 'EUR', 'open', 0, 0, null, null)`},
	{table: "ledger.account", name: "account_kind_known", sql: inLedger + `({new}, 'house', null, 'EUR', 'open', null, null, null, null)`},
	{table: "ledger.account", name: "account_status_known", sql: inLedger + `({new}, 'customer', 'current', 'EUR', 'lost', 0, 0, now(), null)`},
	{table: "ledger.account", name: "only_customers_have_balance", sql: inLedger + `({new}, 'cash', null, 'EUR', 'open', 0, null, null, null)`},
	{table: "ledger.account", name: "only_customers_have_balance", sql: inLedger + `({new}, 'customer', 'current', 'EUR', 'open', null, 0, null, null)`},
	{table: "ledger.account", name: "only_customers_have_product", sql: inLedger + `({new}, 'cash', 'current', 'EUR', 'open', null, null, null, null)`},
	{table: "ledger.account", name: "only_customers_have_product", sql: inLedger + `({new}, 'customer', null, 'EUR', 'open', 0, 0, null, null)`},
	{table: "ledger.account", name: "balance_not_below_floor", sql: `update ledger.account set balance_minor = -1 where id = {account}`},
	{table: "ledger.account", name: "customer_has_floor", sql: inLedger + `({new}, 'customer', 'current', 'EUR', 'open', 0, null, null, null)`},
	{table: "ledger.account", name: "closing_account_is_empty", sql: inLedger + `({new}, 'customer', 'current', 'EUR', 'closing', 1, 0, now(), null)`},
	{table: "ledger.account", name: "closing_account_is_empty", sql: inLedger + `({new}, 'customer', 'current', 'EUR', 'closed', 1, 0, now(), now())`},
	{table: "ledger.account", name: "closing_has_time", sql: `update ledger.account set status = 'closing' where id = {account}`},
	{table: "ledger.account", name: "closing_has_time", sql: `update ledger.account set closing_at = now() where id = {account}`},
	{table: "ledger.account", name: "closed_has_time", sql: `update ledger.account set status = 'closed', closing_at = now() where id = {account}`},
	{table: "ledger.account", name: "closed_has_time", sql: `update ledger.account set closed_at = now() where id = {account}`},

	{table: "ledger.journal", name: "journal_id", sql: failed + `({failed}, 'deposit', 'new', 'failed', 'x', '', now())`},
	{table: "ledger.journal", name: "journal_once_per_business_key", sql: failed + `({new}, 'deposit', 'posted', 'failed', 'x', '', now())`},
	{table: "ledger.journal", name: "journal_status_known", sql: failed + `({new}, 'deposit', 'new', 'lost', null, '', now())`},
	{table: "ledger.journal", name: "failed_journal_has_reason", sql: failed + `({new}, 'deposit', 'new', 'failed', null, '', now())`},
	{table: "ledger.journal", name: "failed_journal_has_reason", sql: `
		with j as (insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at) values ({new}, 'deposit', 'new', 'posted', 'x', '', now()))` +
		entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.journal", name: "journal_is_whole", trigger: "journal_is_whole", sql: failed + `({new}, 'deposit', 'new', 'posted', null, '', now())`},
	// B03
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `update ledger.journal set correlation_id = 'x'`},
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `update ledger.journal set correlation_id = 'x' where false`},
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `delete from ledger.journal where id = {failed}`},

	{table: "ledger.entry", name: "entry_once", behind: []string{"journal_balances"}, sql: entry + `({posted}, 2, {account}, 'EUR', 1, null, null)`},
	{table: "ledger.entry", name: "entry_of_journal", sql: entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entry_in_currency_of_account", sql: journal + entry + `({new}, 1, {account}, 'USD', 1, null, null), ({new}, 2, {other}, 'USD', -1, null, null)`},
	{table: "ledger.entry", name: "entry_in_currency_of_account", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {nobody}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entry_not_zero", sql: journal + entry + `({new}, 1, {account}, 'EUR', 0, null, null), ({new}, 2, {other}, 'EUR', 0, null, null)`},
	{table: "ledger.entry", name: "entry_seq_with_balance", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, 2, null), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entry_seq_with_balance", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, null, 4), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entry_seq_once", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, 1, 4), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "journal_balances", trigger: "journal_balances", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {other}, 'EUR', -2, null, null)`},
	{table: "ledger.entry", name: "journal_balances", trigger: "journal_balances", sql: journal + entry + `({new}, 1, {account}, 'EUR', 1, null, null)`},
	{table: "ledger.entry", name: "journal_balances", trigger: "journal_balances", sql: inLedger + `({new}, 'customer', 'current', 'USD', 'open', 0, 0, null, null);` +
		journal + entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {new}, 'USD', -1, null, null)`},
	{table: "ledger.entry", name: "entries_come_at_once", trigger: "journal_balances", sql: entry + `({posted}, 3, {account}, 'EUR', 1, null, null), ({posted}, 4, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entries_come_at_once", trigger: "journal_balances", sql: entry + `({failed}, 1, {account}, 'EUR', 1, null, null), ({failed}, 2, {other}, 'EUR', -1, null, null)`},
	{table: "ledger.entry", name: "entries_come_at_once", trigger: "journal_balances", sql: `
		with j as (insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at) values ({new}, 'deposit', 'new', 'failed', 'x', '', now()))` +
		entry + `({new}, 1, {account}, 'EUR', 1, null, null), ({new}, 2, {other}, 'EUR', -1, null, null)`},
	// B03
	{table: "ledger.entry", name: "append_only", trigger: "append_only", sql: `update ledger.entry set amount_minor = 2 * amount_minor`},
	{table: "ledger.entry", name: "append_only", trigger: "append_only", sql: `delete from ledger.entry`},
	{table: "ledger.entry", name: "append_only", trigger: "append_only", sql: `truncate ledger.entry`},

	{table: "ledger.suspense_case", name: "suspense_case_id", sql: suspense + `({case}, {failed}, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_case_of_journal", sql: suspense + `({new}, {nothing}, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_once_per_journal", sql: suspense + `({new}, {posted}, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_amount_positive", sql: suspense + `({new}, {failed}, {account}, 0, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_status_known", sql: suspense + `({new}, {failed}, {account}, 5, 'EUR', 'x', 'lost')`},
}

const operation = `insert into banking.operation (id, kind, account_id, amount_minor, currency, state, reason, balance_minor, finished_at) values `

var bankingRules = []rule{
	{table: "banking.operation", name: "operation_id", sql: operation + `({operation}, 'deposit', {account}, 5, 'EUR', 'PENDING', null, null, null)`},
	{table: "banking.operation", name: "operation_kind_known", sql: operation + `({new}, 'gift', {account}, 5, 'EUR', 'PENDING', null, null, null)`},
	{table: "banking.operation", name: "operation_amount_positive", sql: operation + `({new}, 'deposit', {account}, 0, 'EUR', 'PENDING', null, null, null)`},
	{table: "banking.operation", name: "operation_state_known", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'LOST', null, null, now())`},
	{table: "banking.operation", name: "failed_operation_has_reason", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'FAILED', null, null, now())`},
	{table: "banking.operation", name: "failed_operation_has_reason", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'PENDING', 'x', null, null)`},
	{table: "banking.operation", name: "finished_operation_has_time", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'FAILED', 'x', null, null)`},
	{table: "banking.operation", name: "finished_operation_has_time", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'PENDING', null, null, now())`},
	{table: "banking.operation", name: "completed_operation_has_balance", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'COMPLETED', null, null, now())`},
	{table: "banking.operation", name: "completed_operation_has_balance", sql: operation + `({new}, 'deposit', {account}, 5, 'EUR', 'PENDING', null, 5, null)`},
	{table: "banking.operation", name: "operation_moves_forward", trigger: "operation_moves_forward",
		sql: `update banking.operation set state = 'FAILED', reason = 'x', balance_minor = null where id = {completed}`},
	{table: "banking.operation", name: "operation_moves_forward", trigger: "operation_moves_forward",
		sql: `update banking.operation set balance_minor = 6 where id = {completed}`},
	{table: "banking.account_projection", name: "account_projection_id", sql: `insert into banking.account_projection (account_id, status) values ({account}, 'closed')`},
	{table: "banking.account_projection", name: "account_projection_status_known", sql: `insert into banking.account_projection (account_id, status) values ({new}, 'closing')`},

	{table: "query.account_projection", name: "account_projection_id", sql: `insert into query.account_projection (account_id) values ({account})`},
	{table: "query.account_projection", name: "account_projection_status_known", sql: `insert into query.account_projection (account_id, status) values ({new}, 'lost')`},
	{table: "query.balance", name: "balance_of_account", sql: `insert into query.balance (account_id, currency, balance_minor, account_seq) values ({account}, 'EUR', 6, 2)`},
	{table: "query.transaction", name: "transaction_once", sql: `
		insert into query.transaction (account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at) values ({account}, 1, 'deposit', {new}, 5, 'EUR', 5, now())`},
	{table: "query.transaction", name: "transaction_kind_known", sql: `
		insert into query.transaction (account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at) values ({account}, 2, 'gift', {new}, 5, 'EUR', 5, now())`},
}
