package fn

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// fail logs what went wrong with an event and records it for the dead letter
// that may come of it.
func (h *Host) fail(ctx context.Context, r *received, err error) {
	switch answer := answerTo(err); {
	case answer == InFlight:
		h.log(ctx).DebugContext(ctx, "in flight elsewhere")
		return
	case errors.Is(err, errPayloadDiffer):
		h.metrics.alarm(ctx, "payload-differs")
		h.log(ctx).ErrorContext(ctx, "same source and id, other payload")
	case answer == Refused:
		h.log(ctx).ErrorContext(ctx, "cannot be handled", "error", err)
	default:
		h.log(ctx).WarnContext(ctx, "not handled", "error", err)
	}
	h.recordFailure(ctx, r, err)
}

// recordFailure counts a failed attempt, outside the transaction that failed.
// Best effort: it explains, it decides nothing.
func (h *Host) recordFailure(ctx context.Context, r *received, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	reason := keepable(cause.Error(), maxStoredReason)
	if _, err := h.pool.Exec(ctx, `
		insert into delivery.failure as f (consumer, source, id, last_error) values ($1, $2, $3, $4)
		on conflict on constraint failure_once do update
		   set attempts = f.attempts + 1, last_error = excluded.last_error, last_at = now()`,
		h.function.Name, r.source, r.id, reason); err != nil {
		h.log(ctx).WarnContext(ctx, "failure not recorded", "error", err)
	}
}

// maxStoredReason bounds the text of a failure, in bytes.
const maxStoredReason = 2000

// keepable is a text as Postgres takes it, of at most so many bytes: without NUL
// and without half a letter.
func keepable(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
}

// LastFailure reads why an earlier delivery of an event to a function came to
// nothing; empty if none did. It is for people to read, nothing to decide by.
func LastFailure(ctx context.Context, tx Tx, function, source, id string) (string, error) {
	var why string
	err := tx.QueryRow(ctx, `
		select last_error from delivery.failure where consumer = $1 and source = $2 and id = $3`,
		function, source, id).Scan(&why)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read last failure: %w", err)
	}
	return why, nil
}

// contain is deferred where code of a function runs, and turns its panic into an
// error: a mistake in one event's handling is not the end of the process.
func (h *Host) contain(ctx context.Context, err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = fmt.Errorf("panic: %v", p)
	h.metrics.alarm(ctx, "panic")
	h.log(ctx).ErrorContext(ctx, "panic", "panic", p, "stack", string(debug.Stack()))
}
