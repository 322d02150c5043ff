package schema_test

const (
	claim  = `insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, lease_until, first_seen, done_at) values `
	letter = `insert into delivery.dead_letter (id, consumer, source, event_id, type, subject, correlation_id, traceparent, extensions, content_type, data, payload_hash, reason, attempts, status) values `
)

var deliveryRules = []rule{
	{table: "delivery.idempotency", name: "idempotency_once", sql: claim + `('c', '/s', 'e', 't', sha256('x'), 'done', null, now(), now())`},
	{table: "delivery.idempotency", name: "idempotency_state_known", sql: claim + `('c', '/s', 'new', 't', sha256(''), 'lost', null, now(), null)`},
	{table: "delivery.idempotency", name: "idempotency_claim_has_lease", sql: claim + `('c', '/s', 'new', 't', sha256(''), 'claimed', null, now(), null)`},
	{table: "delivery.idempotency", name: "idempotency_claim_has_lease", sql: claim + `('c', '/s', 'new', 't', sha256(''), 'done', now(), now(), now())`},
	{table: "delivery.idempotency", name: "idempotency_done_has_time", sql: claim + `('c', '/s', 'new', 't', sha256(''), 'done', null, now(), null)`},
	{table: "delivery.idempotency", name: "idempotency_done_has_time", sql: claim + `('c', '/s', 'new', 't', sha256(''), 'claimed', now(), now(), now())`},
	{table: "delivery.idempotency", name: "idempotency_hash_is_sha256", sql: claim + `('c', '/s', 'new', 't', 'short', 'done', null, now(), now())`},

	{table: "delivery.outbox", name: "outbox_once", sql: `
		insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
		values ('e', '/s', 'u', '', '', '', '', '', 'b', '{}', '2026-01-02')`},
	{table: "delivery.queue", name: "queue_seq", sql: `
		insert into delivery.queue (seq, broker, source, id, created_at, due_at) overriding system value
		values (7, 'b', '/s', 'other', now(), now())`},
	{table: "delivery.redelivery", name: "redelivery_once", sql: `insert into delivery.redelivery (consumer, source, id, why, due_at) values ('c', '/s', 'e', 'unheard', now())`},
	{table: "delivery.redelivery", name: "redelivery_why_known", sql: `insert into delivery.redelivery (consumer, source, id, why, due_at) values ('c', '/s', 'new', 'boredom', now())`},
	{table: "delivery.failure", name: "failure_once", sql: `insert into delivery.failure (consumer, source, id, last_error) values ('c', '/s', 'e', 'y')`},
	{table: "delivery.subscription", name: "subscription_once", sql: `insert into delivery.subscription (consumer, type) values ('c', 't')`},
	{table: "delivery.audit_mark", name: "audit_mark_one", sql: `insert into delivery.audit_mark (audited_to) values (now())`},
	{table: "delivery.audit_mark", name: "audit_mark_is_true", sql: `insert into delivery.audit_mark (one, audited_to) values (false, now())`},

	{table: "delivery.dead_letter", name: "dead_letter_id", sql: letter + `({letter}, 'c', '/s', 'new', 't', '', '', '', '{}', '', '', '', 'x', 1, 'open')`},
	{table: "delivery.dead_letter", name: "dead_letter_once", sql: letter + `({new}, 'c', '/s', 'e', 't', '', '', '', '{}', '', '', '', 'x', 1, 'open')`},
	{table: "delivery.dead_letter", name: "dead_letter_status_known", sql: letter + `({new}, 'c', '/s', 'new', 't', '', '', '', '{}', '', '', '', 'x', 1, 'lost')`},
	{table: "delivery.dead_letter", name: "dead_letter_has_reason", sql: letter + `({new}, 'c', '/s', 'new', 't', '', '', '', '{}', '', '', '', '', 1, 'open')`},
}

const note = `insert into notification.notification (id, kind, subject_id, channel, customer_id, content, expires_at, state, claimed_at, sent_at) values `

var notificationRules = []rule{
	{table: "notification.notification", name: "notification_id", sql: note + `({note}, 'k', {new}, 'email', {customer}, '{}', now(), 'pending', null, null)`},
	{table: "notification.notification", name: "notification_once", sql: note + `({new}, 'k', {account}, 'email', {customer}, '{}', now(), 'pending', null, null)`},
	{table: "notification.notification", name: "notification_channel_known", sql: note + `({new}, 'k', {new}, 'pigeon', {customer}, '{}', now(), 'pending', null, null)`},
	{table: "notification.notification", name: "notification_state_known", sql: note + `({new}, 'k', {new}, 'email', {customer}, '{}', now(), 'lost', null, null)`},
	{table: "notification.notification", name: "sent_notification_has_time", sql: note + `({new}, 'k', {new}, 'email', {customer}, '{}', now(), 'sent', now(), null)`},
	{table: "notification.notification", name: "sent_notification_has_time", sql: note + `({new}, 'k', {new}, 'email', {customer}, '{}', now(), 'sending', now(), now())`},
	{table: "notification.notification", name: "sent_notification_was_claimed", sql: note + `({new}, 'k', {new}, 'email', {customer}, '{}', now(), 'sending', null, null)`},
	{table: "notification.notification", name: "failed_notification_has_reason", sql: note + `({new}, 'k', {new}, 'email', {customer}, '{}', now(), 'failed', null, null)`},
	{table: "notification.notification", name: "notification_moves_along", trigger: "notification_moves_along",
		sql: `update notification.notification set state = 'expired'; update notification.notification set state = 'pending'`},
	{table: "notification.notification", name: "notification_moves_along", trigger: "notification_moves_along",
		sql: `update notification.notification set state = 'sent', claimed_at = now(), sent_at = now()`},
}
