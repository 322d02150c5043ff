package schema_test

var accountRules = []rule{
	{table: "accounts.customer", name: "customer_id", sql: `insert into accounts.customer (id, owner, name, email, phone) values ({customer}, {new}, 'B', 'b@example.com', '')`},
	{table: "accounts.customer", name: "customer_has_name", sql: `insert into accounts.customer (id, owner, name, email, phone) values ({new}, {new}, '', 'b@example.com', '')`},
	{table: "accounts.customer", name: "customer_has_email", sql: `insert into accounts.customer (id, owner, name, email, phone) values ({new}, {new}, 'B', 'b@', '')`},
	{table: "accounts.account", name: "account_id", sql: `insert into accounts.account (id, customer_id, product, currency) values ({account}, {customer}, 'current', 'EUR')`},
	{table: "accounts.account", name: "account_number", sql: `insert into accounts.account (id, number, customer_id, product, currency) overriding system value
		select {new}, number, customer_id, product, currency from accounts.account where id = {account}`},
	{table: "accounts.account", name: "account_has_customer", sql: `insert into accounts.account (id, customer_id, product, currency) values ({new}, {nobody}, 'current', 'EUR')`},
	{table: "accounts.account", name: "account_product_known", sql: `insert into accounts.account (id, customer_id, product, currency) values ({new}, {customer}, 'gold', 'EUR')`},
}

const (
	inLedger = `insert into ledger.account (id, kind, product, currency, status, balance_minor, floor_minor, closing_at, closed_at) values `
	// journal, some values and keyed insert journals in euros whose ids are as
	// their business keys want them.
	journal = `
		insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at, debit_account, credit_account, currency,
		       amount_minor, debit_seq, debit_balance_minor, credit_seq, credit_balance_minor)
		select md5(key)::uuid, 'deposit', key, status, reason, '', now(), debit::uuid, credit::uuid, 'EUR', amount, dseq, dbalance, cseq, cbalance
		from (values ('', '', '', '', '', null::bigint, null::bigint, null::bigint, null::bigint, null::bigint), `
	keyed    = `) v(key, status, reason, debit, credit, amount, dseq, dbalance, cseq, cbalance) where key <> ''`
	suspense = `insert into ledger.suspense_case (id, journal_id, account_id, amount_minor, currency, reason, status) values `
)

var ledgerRules = []rule{
	{table: "ledger.account", name: "account_id", sql: inLedger + `({account}, 'customer', 'current', 'USD', 'open', 0, 0, null, null)`},
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
	{table: "ledger.account", name: "closing_has_time", sql: `update ledger.account set status = 'closing' where id = {other}`},
	{table: "ledger.account", name: "closing_has_time", sql: `update ledger.account set closing_at = now() where id = {account}`},
	{table: "ledger.account", name: "closed_has_time", sql: `update ledger.account set status = 'closed' where id = {closing}`},
	{table: "ledger.account", name: "closed_has_time", sql: `update ledger.account set closed_at = now() where id = {account}`},

	{table: "ledger.account", name: "account_moves_forward", trigger: "account_moves_forward",
		sql: `update ledger.account set status = 'closed', closing_at = now(), closed_at = now() where id = {other}`},
	{table: "ledger.account", name: "account_moves_forward", trigger: "account_moves_forward",
		sql: `update ledger.account set status = 'open', closing_at = null where id = {closing}`},

	// B05
	{table: "ledger.journal", name: "journal_id", sql: journal + `('failed', 'failed', 'x', {cash}, {account}, 5, null, null, null, null)` + keyed},
	{table: "ledger.journal", name: "journal_named_by_business_key", sql: `
		insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at, debit_account, credit_account, currency, amount_minor)
		values ({new}, 'deposit', 'posted', 'failed', 'x', '', now(), {cash}, {account}, 'EUR', 5)`},
	{table: "ledger.journal", name: "journal_status_known", sql: journal + `('new', 'lost', null, {cash}, {account}, 5, null, null, null, null)` + keyed},
	{table: "ledger.journal", name: "failed_journal_has_reason", sql: journal + `('new', 'failed', null, {cash}, {account}, 5, null, null, null, null)` + keyed},
	{table: "ledger.journal", name: "failed_journal_has_reason", sql: journal + `('new', 'posted', 'x', {cash}, {account}, 5, null, null, 3, 8)` + keyed},
	{table: "ledger.journal", name: "failed_journal_moves_nothing", sql: journal + `('new', 'failed', 'x', {cash}, {account}, 5, null, null, 3, 8)` + keyed},
	{table: "ledger.journal", name: "failed_journal_moves_nothing", sql: journal + `('new', 'failed', 'x', {account}, {cash}, 1, 3, 2, null, null)` + keyed},
	{table: "ledger.journal", name: "journal_amount_positive", sql: journal + `('new', 'posted', null, {cash}, {account}, 0, null, null, 3, 3)` + keyed},
	{table: "ledger.journal", name: "journal_amount_positive", sql: journal + `('new', 'failed', 'x', {cash}, {account}, -1, null, null, null, null)` + keyed},
	{table: "ledger.journal", name: "journal_between_two_accounts", sql: journal + `('new', 'posted', null, {account}, {account}, 1, 3, 2, 4, 3)` + keyed},
	{table: "ledger.journal", name: "position_with_balance", behind: []string{"apply_journals"},
		sql: journal + `('new', 'posted', null, {cash}, {account}, 1, null, null, 3, null)` + keyed},
	{table: "ledger.journal", name: "position_with_balance", behind: []string{"apply_journals"},
		sql: journal + `('new', 'posted', null, {account}, {cash}, 1, null, 2, null, null)` + keyed},
	{table: "ledger.journal", name: "debit_position_once", behind: []string{"apply_journals"},
		sql: journal + `('new', 'posted', null, {account}, {cash}, 1, 2, 2, null, null)` + keyed},
	{table: "ledger.journal", name: "credit_position_once", behind: []string{"apply_journals"},
		sql: journal + `('new', 'posted', null, {cash}, {account}, 1, null, null, 1, 4)` + keyed},
	{table: "ledger.journal", name: "own_side_of_the_bank", trigger: "apply_journals", // a customer's account without a position
		sql: journal + `('new', 'posted', null, {other}, {account}, 1, null, null, 3, 4)` + keyed},
	{table: "ledger.journal", name: "own_side_of_the_bank", trigger: "apply_journals", // no account
		sql: journal + `('new', 'posted', null, {account}, {nobody}, 1, 3, 2, null, null)` + keyed},
	{table: "ledger.journal", name: "own_side_of_the_bank", trigger: "apply_journals", // the bank's account of another currency
		sql: journal + `('new', 'posted', null, md5('quittance/house/cash/USD'), {account}, 1, null, null, 3, 4)` + keyed},
	{table: "ledger.journal", name: "customer_side_in_currency_of_account", trigger: "apply_journals", // no account
		sql: journal + `('new', 'posted', null, {cash}, {nobody}, 1, null, null, 1, 1)` + keyed},
	{table: "ledger.journal", name: "customer_side_in_currency_of_account", trigger: "apply_journals", // the bank's account with a position
		sql: journal + `('new', 'posted', null, {cash}, md5('quittance/house/suspense/EUR'), 1, null, null, 1, 1)` + keyed},
	{table: "ledger.journal", name: "customer_side_in_currency_of_account", trigger: "apply_journals", // another currency
		sql: `insert into ledger.account (id, kind, product, currency) values ({new}, 'customer', 'current', 'USD');` +
			journal + `('new', 'posted', null, {cash}, {new}, 1, null, null, 1, 1)` + keyed},
	{table: "ledger.journal", name: "account_takes_postings", trigger: "apply_journals",
		sql: journal + `('new', 'posted', null, {cash}, {closing}, 1, null, null, 1, 1)` + keyed},
	{table: "ledger.journal", name: "account_takes_postings", trigger: "apply_journals", // emptied by the same statement
		sql: journal + `('in', 'posted', null, {cash}, {savings}, 1, null, null, 1, 1), ('out', 'posted', null, {savings}, {cash}, 1, 2, 0, null, null),
			('again', 'posted', null, {cash}, {savings}, 1, null, null, 3, 1)` + keyed},
	{table: "ledger.journal", name: "posting_not_below_floor", trigger: "apply_journals",
		sql: journal + `('new', 'posted', null, {account}, {cash}, 4, 3, -1, null, null)` + keyed},
	{table: "ledger.journal", name: "posting_not_below_floor", trigger: "apply_journals", // for a moment only
		sql: journal + `('out', 'posted', null, {account}, {cash}, 4, 3, -1, null, null), ('in', 'posted', null, {cash}, {account}, 4, null, null, 4, 3)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // a gap
		sql: journal + `('new', 'posted', null, {cash}, {account}, 1, null, null, 4, 4)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // a position again, on the other side
		sql: journal + `('new', 'posted', null, {cash}, {account}, 1, null, null, 2, 4)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // a gap inside the statement
		sql: journal + `('one', 'posted', null, {cash}, {account}, 1, null, null, 3, 4), ('two', 'posted', null, {cash}, {account}, 1, null, null, 5, 5)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // a position twice inside the statement
		sql: journal + `('one', 'posted', null, {cash}, {account}, 1, null, null, 3, 4), ('two', 'posted', null, {account}, {cash}, 1, 3, 3, null, null)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // another balance
		sql: journal + `('new', 'posted', null, {cash}, {account}, 1, null, null, 3, 5)` + keyed},
	{table: "ledger.journal", name: "journal_continues_account", trigger: "apply_journals", // another balance inside the statement
		sql: journal + `('one', 'posted', null, {cash}, {account}, 1, null, null, 3, 4), ('two', 'posted', null, {cash}, {account}, 1, null, null, 4, 6)` + keyed},
	// B03
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `update ledger.journal set correlation_id = 'x'`},
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `update ledger.journal set correlation_id = 'x' where false`},
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `delete from ledger.journal where id = md5('failed')::uuid`},
	{table: "ledger.journal", name: "append_only", trigger: "append_only", sql: `truncate ledger.journal cascade`},

	{table: "ledger.suspense_case", name: "suspense_case_id", sql: suspense + `({case}, md5('failed')::uuid, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_case_of_journal", sql: suspense + `({new}, {nothing}, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_once_per_journal", sql: suspense + `({new}, md5('posted')::uuid, {account}, 5, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_amount_positive", sql: suspense + `({new}, md5('failed')::uuid, {account}, 0, 'EUR', 'x', 'open')`},
	{table: "ledger.suspense_case", name: "suspense_status_known", sql: suspense + `({new}, md5('failed')::uuid, {account}, 5, 'EUR', 'x', 'lost')`},
}

const operation = `insert into banking.operation (id, kind, account_id, amount_minor, currency, state, reason, balance_minor, finished_at) values `

const bankTransaction = `insert into banking.bank_transaction (id, account_id, direction, amount_minor, currency, reason, asked_by) values `

const transfer = `insert into banking.transfer (id, src_account_id, dst_account_id, direction, amount_minor, currency) values `

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
	{table: "banking.bank_transaction", name: "bank_transaction_id", sql: bankTransaction + `({bank}, {account}, 'debit', 5, 'EUR', 'Again', {customer})`},
	{table: "banking.bank_transaction", name: "bank_transaction_direction_known", sql: bankTransaction + `({new}, {account}, 'up', 5, 'EUR', 'Why', {customer})`},
	{table: "banking.bank_transaction", name: "bank_transaction_amount_positive", sql: bankTransaction + `({new}, {account}, 'debit', 0, 'EUR', 'Why', {customer})`},
	{table: "banking.bank_transaction", name: "bank_transaction_has_reason", sql: bankTransaction + `({new}, {account}, 'debit', 5, 'EUR', E' \n', {customer})`},
	{table: "banking.bank_transaction", name: "bank_transaction_has_reason", sql: bankTransaction + `({new}, {account}, 'debit', 5, 'EUR', repeat('x', 501), {customer})`},
	{table: "banking.transfer", name: "transfer_id", sql: transfer + `({transfer}, {other}, {account}, 'debit', 5, 'EUR')`},
	{table: "banking.transfer", name: "transfer_direction_known", sql: transfer + `({new}, {account}, {other}, 'up', 5, 'EUR')`},
	{table: "banking.transfer", name: "transfer_amount_positive", sql: transfer + `({new}, {account}, {other}, 'debit', 0, 'EUR')`},
	{table: "banking.transfer", name: "transfer_between_two", sql: transfer + `({new}, {account}, {account}, 'debit', 5, 'EUR')`},
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
