package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// MarkValidated lets a submitted payment be charged. ErrStateChanged when it is
// not submitted any more.
func MarkValidated(ctx context.Context, tx fn.Tx, paymentID string) error {
	return move(ctx, tx, `update invoicing.payment set state = 'validated', updated_at = $2
		where id = $1 and state = 'submitted'`, paymentID, tx.Now())
}

// Reject ends a payment of which nothing was charged. ErrStateChanged when it
// is neither submitted nor validated.
func Reject(ctx context.Context, tx fn.Tx, paymentID string, reason events.Reason) error {
	return move(ctx, tx, `update invoicing.payment set state = 'rejected', reason = $3, updated_at = $2
		where id = $1 and state in ('submitted', 'validated')`, paymentID, tx.Now(), reason)
}

// StartCharge takes a validated payment to charging and freezes the key under
// which the processor is asked. journey is the correlation id under which the
// outcome will be said, whoever brings it. ErrStateChanged when the payment is
// not validated, or its invoice not open.
func StartCharge(ctx context.Context, tx fn.Tx, paymentID, processor, journey string) (Payment, error) {
	p, err := scanPayment(tx.QueryRow(ctx, `
		update invoicing.payment
		   set state = 'charging', processor = $3, charge_key = $4, charge_key_at = $2, journey = $5, updated_at = $2
		 where id = $1 and state = 'validated'
		   and exists (select from invoicing.invoice i where i.id = invoice_id and i.state = 'open')
		returning `+paymentColumns,
		paymentID, tx.Now(), processor, chargeKey(processor, paymentID), journey))
	if errors.Is(err, ErrPaymentNotFound) {
		return p, ErrStateChanged
	}
	return p, err
}

// chargeKey is the same for the same payment for ever.
func chargeKey(processor, paymentID string) string {
	return fn.DeriveID("charge", processor, paymentID)
}

// Settlement is what a processor's answer makes of a payment.
type Settlement struct {
	State     State         // pending, captured, failed or refund_due
	Reference string        // the processor's id of the charge; "" if it gave none
	ChargedAt time.Time     // of captured and refund_due
	Reason    events.Reason // of failed and refund_due
}

// Settle records what the processor said of a payment that is in state from.
// ErrStateChanged when it is not; the database refuses a move backwards.
func Settle(ctx context.Context, tx fn.Tx, paymentID string, from State, s Settlement) error {
	var chargedAt *time.Time
	if !s.ChargedAt.IsZero() {
		chargedAt = &s.ChargedAt
	}
	return move(ctx, tx, `
		update invoicing.payment
		   set state = $3, processor_reference = coalesce(nullif($4, ''), processor_reference),
		       charged_at = $5, reason = nullif($6, ''), updated_at = $2
		 where id = $1 and state = $7`,
		paymentID, tx.Now(), s.State, s.Reference, chargedAt, s.Reason, from)
}

func move(ctx context.Context, tx fn.Tx, sql string, args ...any) error {
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("update payment: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrStateChanged
	}
	return nil
}

// lateSuccess is for how long after a failure the sweep still looks whether the
// processor has changed its mind. Webhooks may tell later, too.
const lateSuccess = 72 * time.Hour

// TakeUnsettled picks payments whose outcome the processor should be asked for,
// at most limit of them, longest waiting first, and notes that it is being
// asked now:
//
//   - charging and pending ones, when they have waited for longer than after;
//     the pause until the same payment is picked again grows with its age, to
//     an hour;
//   - failed ones that the processor knows, an hour after they failed, and
//     again whenever that time has doubled, for three days: a success may come
//     late and its webhook get lost.
//
// Two sweeps at once pick different payments.
func TakeUnsettled(ctx context.Context, tx fn.Tx, after time.Duration, limit int) ([]Payment, error) {
	return collectPayments(tx.Query(ctx, `
		with due as (
			select id as due_id from invoicing.payment
			where (state in ('charging', 'pending') and updated_at <= $1::timestamptz - $2::interval
			       and (swept_at is null or swept_at < updated_at
			            or swept_at <= $1::timestamptz - least(greatest($2::interval, ($1::timestamptz - updated_at) / 8), interval '1 hour')))
			   or (state = 'failed' and processor_reference is not null
			       and updated_at between $1::timestamptz - $4::interval and $1::timestamptz - interval '1 hour'
			       and (swept_at is null or swept_at < updated_at
			            or $1::timestamptz - updated_at >= 2 * (swept_at - updated_at)))
			order by updated_at limit $3 for update skip locked
		)
		update invoicing.payment set swept_at = $1::timestamptz from due where id = due_id
		returning `+paymentColumns, tx.Now(), after, limit, lateSuccess))
}
