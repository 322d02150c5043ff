// Package audit is the room of the function audit: it finds what the broker
// lost and has it delivered again.
//
//	Hears    tick (a PingSource)
//	Says     audit.finding
//	Changes  delivery.redelivery, delivery.audit_mark, .sent, partitions of the outbox;
//	         partitions of the report's lines; takes away from idempotency.request
//	         and query.report what has expired
//	Reads    delivery.outbox, .subscription, .idempotency, .dead_letter
//	Calls    nobody: the relay delivers
//	Fails    an error waits for the next tick
package audit
