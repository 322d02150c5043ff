package idempotency

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/functions/fn"
)

// Ask is Claim for a request whose answer comes after tx, from elsewhere: it takes
// the name and stores that somebody asked, in tx, together with what tx says. It
// returns nil for a request that is new, and else how it stands: with its answer,
// or with the status 0 when that is still to come. Whoever gets the latter asks
// again for the same, which must be harmless, and gives the answer to [Answered].
// There is no lease: nobody knows whether the one who asked before still lives,
// and nobody need know. Errors match ErrInFlight or *DiffersError.
func Ask(ctx context.Context, tx fn.Tx, n Name, f Fingerprint, journey string) (*Answer, error) {
	tag, err := tx.Exec(ctx, `
		insert into idempotency.request (caller, route, key, fingerprint, members, location, journey, expires_at)
		select $1, $2, $3, $4, $5, '', $6, $7 where pg_try_advisory_xact_lock(hashtextextended($8, 0))
		on conflict on constraint request_once do nothing`,
		n.Caller, n.Route, n.Key, f.Sum[:], f.Members, journey, tx.Now().Add(Retention), n.lock())
	switch {
	case err != nil:
		return nil, fmt.Errorf("take the key: %w", err)
	case tag.RowsAffected() == 1:
		return nil, nil
	}
	before, err := Find(ctx, tx, n, f)
	if errors.Is(err, ErrNotFound) { // somebody holds the name and has not committed
		return nil, ErrInFlight
	}
	return before, err
}

// Answered stores the answer to a request that was asked, as of tx's instant, for
// Retention; it goes out with the commit of tx. Of two answers the first stays: who
// asks the same twice is answered the same.
func Answered(tx fn.Tx, n Name, a Answer) {
	tx.Last().Queue(`
		update idempotency.request set status = $4, body = $5, answered_at = $6, expires_at = $7
		where caller = $1 and route = $2 and key = $3 and status is null`,
		n.Caller, n.Route, n.Key, a.Status, a.Body, tx.Now(), tx.Now().Add(Retention))
}
