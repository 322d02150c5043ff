package fn

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// claimKind says what a unit of work wants of its idempotency row.
type claimKind int

const (
	claimNothing claimKind = iota // not an event of the broker's
	claimDone                     // insert it as done: the effect is in this transaction
	claimLease                    // insert it as claimed, or take an expired claim over
	claimSettle                   // it is ours, by fence: make it done
)

// claim is one unit's idempotency row.
type claim struct {
	kind     claimKind
	r        *received
	fence    int64 // set by claimLease, asked for by claimSettle
	attempts int   // deliveries that claimed, this one included
}

// takeClaims claims every unit of the group in one statement and gives the
// verdict of each: nil to go on, errDone, errInFlight, errPayloadDiffer or
// errOvertaken. Units must not share a key.
func (h *Host) takeClaims(ctx context.Context, tx pgx.Tx, claims []*claim) ([]error, error) {
	verdicts := make([]error, len(claims))
	fresh := map[string]int{}
	var sources, ids, types []string
	var hashes [][]byte
	var leases []bool
	for i, c := range claims {
		switch c.kind {
		case claimDone, claimLease:
			fresh[c.r.key()] = i
			sources, ids, types = append(sources, c.r.source), append(ids, c.r.id), append(types, string(c.r.eventType))
			hashes, leases = append(hashes, c.r.hash[:]), append(leases, c.kind == claimLease)
		case claimNothing:
		case claimSettle:
			if err := h.finishClaim(ctx, tx, c); err != nil {
				verdicts[i] = err
				if err != errOvertaken {
					return nil, err
				}
			}
		}
	}
	if len(fresh) == 0 {
		return verdicts, nil
	}
	if err := h.insertClaims(ctx, tx, claims, fresh, sources, ids, types, hashes, leases); err != nil {
		return nil, err
	}
	if len(fresh) == 0 {
		return verdicts, nil
	}
	return verdicts, h.readVerdicts(ctx, tx, claims, fresh, verdicts)
}

// insertClaims inserts first and looks afterwards. What it could claim leaves
// fresh; what stays there was claimed or done by somebody before.
func (h *Host) insertClaims(ctx context.Context, tx pgx.Tx, claims []*claim, fresh map[string]int,
	sources, ids, types []string, hashes [][]byte, leases []bool) error {
	rows, err := tx.Query(ctx, `
		insert into delivery.idempotency as i
		       (consumer, source, id, type, payload_hash, state, lease_until, first_seen, done_at)
		select $1, c.source, c.id, c.type, c.hash,
		       case when c.lease then 'claimed' else 'done' end,
		       case when c.lease then now() + $7::interval end, now(),
		       case when c.lease then null else now() end
		from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::bool[]) c(source, id, type, hash, lease)
		order by c.source, c.id
		on conflict on constraint idempotency_once do update
		   set fence = i.fence + 1, attempts = i.attempts + 1, lease_until = excluded.lease_until,
		       state = excluded.state, done_at = excluded.done_at
		 where i.state = 'claimed' and i.lease_until <= now() and i.payload_hash = excluded.payload_hash
		returning source, id, fence, attempts`,
		h.function.Name, sources, ids, types, hashes, leases, h.options.Lease)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	var source, id string
	var fence int64
	var attempts int
	_, err = pgx.ForEachRow(rows, []any{&source, &id, &fence, &attempts}, func() error {
		key := source + "\x00" + id
		claims[fresh[key]].fence, claims[fresh[key]].attempts = fence, attempts
		delete(fresh, key)
		return nil
	})
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

func (h *Host) readVerdicts(ctx context.Context, tx pgx.Tx, claims []*claim, fresh map[string]int, verdicts []error) error {
	var sources, ids []string
	for _, i := range fresh {
		sources, ids = append(sources, claims[i].r.source), append(ids, claims[i].r.id)
		// If the row is not to be seen below, whoever holds it has not
		// committed yet.
		verdicts[i] = errInFlight
	}
	rows, err := tx.Query(ctx, `
		select i.source, i.id, i.state, i.payload_hash
		from delivery.idempotency i
		join unnest($2::text[], $3::text[]) c(source, id) using (source, id)
		where i.consumer = $1`, h.function.Name, sources, ids)
	if err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	var source, id, state string
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&source, &id, &state, &hash}, func() error {
		i := fresh[source+"\x00"+id]
		switch {
		case !bytes.Equal(hash, claims[i].r.hash[:]):
			verdicts[i] = errPayloadDiffer
		case state == "done":
			verdicts[i] = errDone
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	return nil
}

// finishClaim makes a claimed row done, if it is still ours.
func (h *Host) finishClaim(ctx context.Context, tx pgx.Tx, c *claim) error {
	tag, err := tx.Exec(ctx, `
		update delivery.idempotency set state = 'done', done_at = now(), lease_until = null
		where consumer = $1 and source = $2 and id = $3 and fence = $4 and state = 'claimed'`,
		h.function.Name, c.r.source, c.r.id, c.fence)
	switch {
	case err != nil:
		return fmt.Errorf("finish claim: %w", err)
	case tag.RowsAffected() == 0:
		return errOvertaken
	}
	return nil
}

// key is what makes two deliveries the same event (CloudEvents: source and id).
func (r *received) key() string { return r.source + "\x00" + r.id }

// deferral is how long to wait before the n-th claim's successor, once the
// broker's own retries are used up: 1 s doubling to 5 min.
func deferral(attempts int) time.Duration {
	wait := time.Second << min(max(attempts-brokerTries, 0), 9)
	return min(wait, 5*time.Minute)
}
