package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// DeadLetter is an event that a consumer could not handle, with the reason.
type DeadLetter struct {
	ID            string // set by Record
	Consumer      string
	Source        string
	EventID       string
	Type          string
	Subject       string
	CorrelationID string
	TraceParent   string
	Extensions    map[string]string
	ContentType   string
	Data          []byte
	Code          int    // the consumer's HTTP status, 0 when it is not known
	Reason        string // what the broker says; the consumer's own record comes first
}

// Verdict on a dead letter that arrives.
type Verdict string

// The verdicts.
const (
	Recorded Verdict = "recorded" // new, or open again after a replay
	Known    Verdict = "known"    // open already; counted
	Settled  Verdict = "settled"  // the consumer has done the event after all
	Waiting  Verdict = "waiting"  // another delivery holds the claim; it will be delivered again
)

// Owed tells whether consumer hears events of the type. Of a consumer that is
// not known nothing is known to be not owed.
func Owed(ctx context.Context, tx pgx.Tx, consumer, eventType string) (owed bool, err error) {
	err = tx.QueryRow(ctx, `
		select coalesce(bool_or(type = $2), true) from delivery.subscription where consumer = $1`, consumer, eventType).Scan(&owed)
	if err != nil {
		return false, fmt.Errorf("look for the consumer's subscription: %w", err)
	}
	return owed, nil
}

// passing tells whether an answer says that the event may yet be handled: none
// at all, another delivery holds the claim, or something that passes.
func passing(code int) bool { return code == 0 || code == 409 || code >= 500 }

// Record stores a dead letter, unless its consumer has handled the event after
// all, or has claimed it: an outside system that is away for longer than the
// broker tries is no reason for a dead letter, and the event is delivered again
// until maxAge has passed. The reason is the consumer's own
// record of the failure where there is one: a broker's dead letter says nothing
// after a timeout.
func Record(ctx context.Context, tx pgx.Tx, d DeadLetter) (Verdict, error) {
	hash := fn.PayloadHash(d.Type, d.Data)
	var state string
	var young bool // and archived, so that it can be delivered again
	err := tx.QueryRow(ctx, `
		select state, first_seen > now() - $5::interval
		       and exists (select from delivery.outbox o where o.source = $2 and o.id = $3)
		from delivery.idempotency
		where consumer = $1 and source = $2 and id = $3 and payload_hash = $4`,
		d.Consumer, d.Source, d.EventID, hash[:], maxAge).Scan(&state, &young)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return "", fmt.Errorf("look for the consumer's row: %w", err)
	case state == "done":
		return Settled, nil
	case state == "claimed" && young && passing(d.Code):
		_, err := tx.Exec(ctx, `
			insert into delivery.redelivery (consumer, source, id, why, due_at)
			values ($1, $2, $3, $4, now() + interval '10 seconds') on conflict do nothing`, d.Consumer, d.Source, d.EventID, Unheard)
		if err != nil {
			return "", fmt.Errorf("queue a redelivery: %w", err)
		}
		return Waiting, nil
	}
	id := fn.DeriveID("dead-letter", d.Consumer, d.Source, d.EventID, string(hash[:]))
	// A reason comes over the network; Postgres takes no NUL and no broken UTF-8.
	reason := strings.ToValidUTF8(strings.ReplaceAll(d.Reason, "\x00", ""), "?")
	var fresh bool
	err = tx.QueryRow(ctx, `
		with why as (select last_error, attempts from delivery.failure where consumer = $2 and source = $3 and id = $4)
		insert into delivery.dead_letter as l (id, consumer, source, event_id, type, subject, correlation_id,
		       traceparent, extensions, content_type, data, payload_hash, error_code, reason, attempts)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11::bytea, ''), $12, nullif($13, 0),
		        coalesce((select last_error from why), nullif($14, ''), 'no reason given'), coalesce((select attempts from why), 1))
		on conflict on constraint dead_letter_once do update
		   set times = l.times + 1, last_at = now(), reason = excluded.reason, attempts = excluded.attempts,
		       error_code = excluded.error_code, status = case when l.status in ('replaying', 'replayed') then 'open' else l.status end
		returning times = 1 or (select o.status in ('replaying', 'replayed') from delivery.dead_letter o where o.id = l.id)`,
		id, d.Consumer, d.Source, d.EventID, d.Type, d.Subject, d.CorrelationID,
		d.TraceParent, d.Extensions, d.ContentType, d.Data, hash[:], d.Code, reason).Scan(&fresh)
	if err != nil {
		return "", fmt.Errorf("record the dead letter: %w", err)
	}
	if !fresh {
		return Known, nil
	}
	return Recorded, nil
}

// IDOf is the id under which Record stores d.
func IDOf(d DeadLetter) string {
	hash := fn.PayloadHash(d.Type, d.Data)
	return fn.DeriveID("dead-letter", d.Consumer, d.Source, d.EventID, string(hash[:]))
}
