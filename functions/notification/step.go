package notification

import (
	"context"
	"fmt"

	"quittance.dev/functions/fn"
)

// Claim moves a pending notification to sending: it is about to be handed
// over. Nothing may be sent before this has committed.
func Claim(ctx context.Context, tx fn.Tx, id string) error {
	return step(ctx, tx, "claim", `
		update notification.notification set state = 'sending', claimed_at = $2
		where id = $1 and state = 'pending'`, id, tx.Now())
}

// TakeBack moves a notification that certainly did not go out from sending to
// pending.
func TakeBack(ctx context.Context, tx fn.Tx, id string) error {
	return step(ctx, tx, "take back", `
		update notification.notification set state = 'pending', claimed_at = null
		where id = $1 and state = 'sending'`, id)
}

// Confirm moves a notification from sending to sent. providerID finds the
// message on the other side.
func Confirm(ctx context.Context, tx fn.Tx, id, providerID string) error {
	return step(ctx, tx, "confirm", `
		update notification.notification set state = 'sent', sent_at = $2, provider_id = $3
		where id = $1 and state = 'sending'`, id, tx.Now(), providerID)
}

// Fail moves a notification that will not be sent from pending or sending to
// failed. why holds no personal data.
func Fail(ctx context.Context, tx fn.Tx, id, why string) error {
	return step(ctx, tx, "fail", `
		update notification.notification set state = 'failed', last_error = $2
		where id = $1 and state in ('pending', 'sending')`, id, why)
}

// Park moves a notification of which nobody knows whether it went out from
// sending to parked, for a person. why holds no personal data.
func Park(ctx context.Context, tx fn.Tx, id, why string) error {
	return step(ctx, tx, "park", `
		update notification.notification set state = 'parked', last_error = $2
		where id = $1 and state = 'sending'`, id, why)
}

// Expire moves a pending notification whose time is over to expired.
func Expire(ctx context.Context, tx fn.Tx, id string) error {
	return step(ctx, tx, "expire", `
		update notification.notification set state = 'expired'
		where id = $1 and state = 'pending'`, id)
}

func step(ctx context.Context, tx fn.Tx, what, sql string, args ...any) error {
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("%s notification: %w", what, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%s notification: %w", what, ErrMoved)
	}
	return nil
}
