package banking

import (
	"context"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Transfer is what a customer asked to move between two accounts. What became of it
// is the ledger's to say.
type Transfer struct {
	ID           string
	SrcAccountID string
	DstAccountID string
	Direction    events.Direction
	AmountMinor  int64
	Currency     money.Currency
}

// RecordTransfer stores what was asked. The same id again changes nothing, and
// recorded is false; the same id for anything else is ErrDiffers.
func RecordTransfer(ctx context.Context, tx fn.Tx, t Transfer) (recorded bool, err error) {
	return record(ctx, tx, t.ID, `
		insert into banking.transfer (id, src_account_id, dst_account_id, direction, amount_minor, currency, requested_at)
		values ($1, $2, $3, $4, $5, $6, now()) on conflict on constraint transfer_id do nothing`, `
		select from banking.transfer where id = $1 and src_account_id = $2 and dst_account_id = $3
		and direction = $4 and amount_minor = $5 and currency = $6`,
		t.ID, t.SrcAccountID, t.DstAccountID, t.Direction, t.AmountMinor, t.Currency)
}

// record inserts a row, or finds that it is there as it should be.
func record(ctx context.Context, tx fn.Tx, id, insert, same string, args ...any) (recorded bool, err error) {
	tag, err := tx.Exec(ctx, insert, args...)
	if err == nil && tag.RowsAffected() == 0 {
		tag, err = tx.Exec(ctx, same, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return false, fmt.Errorf("%w: %s", ErrDiffers, id)
		}
		return false, err
	}
	if err != nil {
		return false, fmt.Errorf("record %s: %w", id, err)
	}
	return true, nil
}
