package schema_test

const (
	line = `insert into query.report_line (occurred_at, id, kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason) values `
	open = `insert into query.report (id, caller, query, from_at, to_at, page_limit, step, snapshot, total, behind, opened_at, expires_at) values `
)

const put = `insert into query.cold_part (day, part, object, lines, first_at, first_id, last_at, last_id, content) values `

var reportRules = []rule{
	{table: "query.cold_part", name: "cold_part_once", sql: put + `('2026-01-02', 1, 'new', 1, now(), {new}, now(), {new}, sha256(''))`},
	{table: "query.cold_part", name: "cold_object_once", sql: put + `('2026-01-02', 2, 'object', 1, now(), {new}, now(), {new}, sha256(''))`},
	{table: "query.cold_part", name: "cold_part_has_lines", sql: put + `('2026-01-02', 2, 'new', 0, now(), {new}, now(), {new}, sha256(''))`},
	{table: "query.cold_part", name: "cold_content_is_sha256", sql: put + `('2026-01-02', 2, 'new', 1, now(), {new}, now(), {new}, 'short')`},
	{table: "query.report_line", name: "report_line_once", sql: line + `('2026-01-02', {operation}, 'deposit', null, {other}, 'credit', 9, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "report_line_kind_known", sql: line + `('2026-01-02', {new}, 'gift', null, {account}, 'credit', 5, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "only_transfers_have_source", sql: line + `('2026-01-02', {new}, 'deposit', {other}, {account}, 'credit', 5, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "only_transfers_have_source", sql: line + `('2026-01-02', {new}, 'transfer', null, {account}, 'credit', 5, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "report_line_direction_known", sql: line + `('2026-01-02', {new}, 'deposit', null, {account}, 'up', 5, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "report_line_amount_positive", sql: line + `('2026-01-02', {new}, 'deposit', null, {account}, 'credit', 0, 'EUR', 'success', null)`},
	{table: "query.report_line", name: "report_line_status_known", sql: line + `('2026-01-02', {new}, 'deposit', null, {account}, 'credit', 5, 'EUR', 'lost', null)`},
	{table: "query.report_line", name: "failed_line_has_reason", sql: line + `('2026-01-02', {new}, 'deposit', null, {account}, 'credit', 5, 'EUR', 'fail', null)`},
	{table: "query.report_line", name: "failed_line_has_reason", sql: line + `('2026-01-02', {new}, 'deposit', null, {account}, 'credit', 5, 'EUR', 'success', 'x')`},
	{table: "query.refusal", name: "refusal_once", sql: `insert into query.refusal (id) values ({operation})`},
	{table: "query.report", name: "report_id", sql: open + `({report}, {customer}, sha256(''), now(), now(), 10, 100, '1:1:', 0, 0, now(), now() + interval '1 minute')`},
	{table: "query.report", name: "report_query_is_sha256", sql: open + `({new}, {customer}, 'short', now(), now(), 10, 100, '1:1:', 0, 0, now(), now() + interval '1 minute')`},
	{table: "query.report", name: "report_has_pages", sql: open + `({new}, {customer}, sha256(''), now(), now(), -10, 100, '1:1:', 0, 0, now(), now() + interval '1 minute')`},
	{table: "query.report", name: "report_step_is_whole_pages", sql: open + `({new}, {customer}, sha256(''), now(), now(), 10, 95, '1:1:', 0, 0, now(), now() + interval '1 minute')`},
	{table: "query.report", name: "report_step_is_whole_pages", sql: open + `({new}, {customer}, sha256(''), now(), now(), 10, 0, '1:1:', 0, 0, now(), now() + interval '1 minute')`},
	{table: "query.report", name: "report_expires_after_opening", sql: open + `({new}, {customer}, sha256(''), now(), now(), 10, 100, '1:1:', 0, 0, now(), now())`},
	{table: "query.report_key", name: "report_key_once", sql: `insert into query.report_key (report_id, n, occurred_at, id) values ({report}, 0, now(), {new})`},
	{table: "query.report_key", name: "report_key_of_report", sql: `insert into query.report_key (report_id, n, occurred_at, id) values ({new}, 0, now(), {new})`},
}
