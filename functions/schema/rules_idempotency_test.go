package schema_test

const answer = `insert into idempotency.request (caller, route, key, fingerprint, members, status, location, journey, body, answered_at, expires_at) values `

var idempotencyRules = []rule{
	{table: "idempotency.request", name: "request_once", sql: answer + `({customer}, 'POST /x', 'k', sha256('other'), '{}', 200, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_key_fits", sql: answer + `({customer}, 'POST /x', '', sha256(''), '{}', 200, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_key_fits", sql: answer + `({customer}, 'POST /x', repeat('k', 256), sha256(''), '{}', 200, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_key_fits", sql: answer + `({customer}, 'POST /x', E'k\n', sha256(''), '{}', 200, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_fingerprint_is_sha256", sql: answer + `({customer}, 'POST /x', 'new', 'short', '{}', 200, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_succeeded", sql: answer + `({customer}, 'POST /x', 'new', sha256(''), '{}', 422, '', '', '', now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_answered_as_a_whole", sql: answer + `({customer}, 'POST /x', 'new', sha256(''), '{}', null, '', '', '', null, now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_answered_as_a_whole", sql: answer + `({customer}, 'POST /x', 'new', sha256(''), '{}', null, '', '', null, now(), now() + interval '30 days')`},
	{table: "idempotency.request", name: "request_answered_once", trigger: "request_answered_once", sql: `update idempotency.request set body = '{"other":1}'`},
	{table: "idempotency.request", name: "request_is_kept_30_days", sql: answer + `({customer}, 'POST /x', 'new', sha256(''), '{}', 200, '', '', '', now(), now() + interval '29 days')`},
}
