package schema_test

const (
	closing = `insert into closure.account_closure (account_id, closure_id, notes, state, mambu_closed_at, e_closed_at, closed_at) values `
	// The way of the seed's closure.
	toMambu    = `update closure.account_closure set state = 'CLOSING_MAMBU';`
	mambuDone  = toMambu + `update closure.account_closure set state = 'MAMBU_CLOSED', mambu_closed_at = now();`
	toE        = mambuDone + `update closure.account_closure set state = 'CLOSING_E';`
	eDone      = toE + `update closure.account_closure set state = 'E_CLOSED', e_closed_at = now();`
	closedAll  = eDone + `update closure.account_closure set state = 'CLOSED', closed_at = now();`
	parked     = toMambu + `update closure.account_closure set state = 'PARKED', last_error = 'x';`
	closureEvt = `insert into closure.account_closure_events (id, account_id, to_state) overriding system value `
)

var closureRules = []rule{
	{table: "closure.account_closure", name: "one_closure_per_account", sql: closing + `({account}, {new}, '', 'OPEN', null, null, null)`},
	{table: "closure.account_closure", name: "closure_id_once", sql: closing + `({new}, {closure}, '', 'OPEN', null, null, null)`},
	{table: "closure.account_closure", name: "closure_state_known", behind: []string{"closure_moves_along"}, sql: closing + `({new}, {new}, '', 'LOST', null, null, null)`},
	{table: "closure.account_closure", name: "mambu_before_e", behind: []string{"closure_moves_along", "mambu_closed_has_time"},
		sql: closing + `({new}, {new}, '', 'E_CLOSED', null, now(), null)`},
	{table: "closure.account_closure", name: "mambu_closed_has_time", sql: toMambu + `update closure.account_closure set state = 'MAMBU_CLOSED'`},
	{table: "closure.account_closure", name: "closing_mambu_is_unconfirmed", sql: closing + `({new}, {new}, '', 'OPEN', now(), null, null)`},
	{table: "closure.account_closure", name: "e_closed_has_time", sql: toE + `update closure.account_closure set state = 'E_CLOSED'`},
	{table: "closure.account_closure", name: "closed_has_time", sql: eDone + `update closure.account_closure set state = 'CLOSED'`},
	{table: "closure.account_closure", name: "closed_has_time", sql: closing + `({new}, {new}, '', 'OPEN', null, null, now())`},
	{table: "closure.account_closure", name: "mail_only_after_closed", sql: eDone + `update closure.account_closure set email_sent_at = now()`},
	{table: "closure.account_closure", name: "parked_has_reason", sql: toMambu + `update closure.account_closure set state = 'PARKED'`},

	{table: "closure.account_closure", name: "closure_moves_along", trigger: "closure_moves_along", sql: closing + `({new}, {new}, '', 'CLOSING_MAMBU', null, null, null)`},
	{table: "closure.account_closure", name: "closure_moves_along", trigger: "closure_moves_along", sql: toMambu + `update closure.account_closure set state = 'OPEN'`},
	{table: "closure.account_closure", name: "closure_moves_along", trigger: "closure_moves_along", sql: mambuDone + `update closure.account_closure set state = 'PARKED', last_error = 'x'`},
	{table: "closure.account_closure", name: "attempt_per_resumption", trigger: "closure_moves_along", sql: `update closure.account_closure set attempt = 2`},
	{table: "closure.account_closure", name: "attempt_per_resumption", trigger: "closure_moves_along", sql: parked + `update closure.account_closure set state = 'CLOSING_MAMBU'`},
	{table: "closure.account_closure", name: "closure_request_is_frozen", trigger: "refuse_rewriting", sql: `update closure.account_closure set notes = 'x'`},
	{table: "closure.account_closure", name: "closure_request_is_frozen", trigger: "refuse_rewriting", sql: `update closure.account_closure set closure_id = {new}`},
	{table: "closure.account_closure", name: "closure_request_is_frozen", trigger: "refuse_rewriting", sql: `update closure.account_closure set started_at = '2026-01-02'`},
	{table: "closure.account_closure", name: "confirmed_once", trigger: "refuse_rewriting", sql: mambuDone + `update closure.account_closure set mambu_closed_at = '2026-01-02'`},
	{table: "closure.account_closure", name: "confirmed_once", trigger: "refuse_rewriting", sql: eDone + `update closure.account_closure set e_closed_at = '2026-01-02'`},
	{table: "closure.account_closure", name: "confirmed_once", trigger: "refuse_rewriting", sql: closedAll + `update closure.account_closure set closed_at = '2026-01-02'`},
	{table: "closure.account_closure", name: "confirmed_once", trigger: "refuse_rewriting",
		sql: closedAll + `update closure.account_closure set email_sent_at = now(); update closure.account_closure set email_sent_at = '2026-01-02'`},

	{table: "closure.account_closure_events", name: "account_closure_event_id", sql: closureEvt + `select id, account_id, to_state from closure.account_closure_events`},
	{table: "closure.account_closure_events", name: "event_of_closure", sql: closureEvt + `values (99, {nobody}, 'OPEN')`},
	{table: "closure.account_closure_events", name: "append_only", trigger: "append_only", sql: `update closure.account_closure_events set actor = 'x'`},
	{table: "closure.account_closure_events", name: "append_only", trigger: "append_only", sql: `delete from closure.account_closure_events`},
	{table: "closure.account_closure_events", name: "append_only", trigger: "append_only", sql: `truncate closure.account_closure_events`},
}
