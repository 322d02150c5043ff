package fn

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// claims of a group, sorted by what each wants.
type claims struct {
	all    []*claim
	fresh  map[string]int // by key: to be inserted
	settle map[string]int // by key: to be made done

	// Columns of what is fresh and of what settles.
	sources, ids, types []string
	hashes              [][]byte
	leases              []bool
	settleSources       []string
	settleIDs           []string
	settleFences        []int64
}

func sortClaims(units []*unit) *claims {
	c := &claims{all: make([]*claim, len(units)), fresh: map[string]int{}, settle: map[string]int{}}
	order := make([]int, len(units))
	for i, u := range units {
		c.all[i], order[i] = &u.claim, i
	}
	// Every transaction claims in the same order, so that two which share several
	// events wait for each other and never in a circle.
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(c.all[a].key(), c.all[b].key()) })
	for _, i := range order {
		u := units[i]
		r := u.claim.r
		switch u.claim.kind {
		case claimNothing:
		case claimDone, claimLease:
			c.fresh[r.key()] = i
			c.sources, c.ids, c.types = append(c.sources, r.source), append(c.ids, r.id), append(c.types, string(r.eventType))
			c.hashes, c.leases = append(c.hashes, r.hash[:]), append(c.leases, u.claim.kind == claimLease)
		case claimSettle:
			c.settle[r.key()] = i
			c.settleSources, c.settleIDs = append(c.settleSources, r.source), append(c.settleIDs, r.id)
			c.settleFences = append(c.settleFences, u.claim.fence)
		}
	}
	return c
}

// queueClaims adds to batch the statements that claim the whole group, one for
// what is new and one for what settles. Insert first, look afterwards: what was
// settled leaves c.settle; c.fresh is empty if all of it was new, as it nearly
// always is, and else left for verdicts to sort out. To say which rows were
// inserted would cost half as much again as to insert them. Units must not share
// a key.
func (h *Host) queueClaims(batch *pgx.Batch, c *claims) {
	if len(c.settle) > 0 {
		queueFinish(batch, h.function.Name, c.settleSources, c.settleIDs, c.settleFences, func(key string) { delete(c.settle, key) })
	}
	if len(c.fresh) == 0 {
		return
	}
	batch.Queue(`
		insert into delivery.idempotency
		       (consumer, source, id, type, payload_hash, state, lease_until, first_seen, done_at)
		select $1, c.source, c.id, c.type, c.hash,
		       case when c.lease then 'claimed' else 'done' end,
		       case when c.lease then now() + $7::interval end, now(),
		       case when c.lease then null else now() end
		from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::bool[]) c(source, id, type, hash, lease)
		on conflict on constraint idempotency_once do nothing`,
		h.function.Name, c.sources, c.ids, c.types, c.hashes, c.leases, h.options.Lease).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == int64(len(c.ids)) {
			for _, i := range c.fresh {
				c.all[i].first()
			}
			clear(c.fresh)
		}
		return nil
	})
}

// first marks a claim whose row this transaction has inserted.
func (c *claim) first() { c.fence, c.attempts = 1, 1 }

// verdicts of every unit after its claim: nil to go on, errDone, errInFlight,
// errPayloadDiffer or errOvertaken.
func (h *Host) verdicts(ctx context.Context, tx pgx.Tx, c *claims) ([]error, error) {
	verdicts := make([]error, len(c.all))
	for _, i := range c.settle {
		verdicts[i] = errOvertaken
	}
	if len(c.fresh) == 0 {
		return verdicts, nil
	}
	return verdicts, h.sortOut(ctx, tx, c, verdicts)
}

// sortOut finds what became of the claims of c.fresh, some of which had a row
// already: leases that have run out are taken over, in one order by everybody; then
// whatever row is not ours is somebody else's.
func (h *Host) sortOut(ctx context.Context, tx pgx.Tx, c *claims, verdicts []error) error {
	for _, i := range c.fresh {
		// If the row is not to be seen below, whoever holds it has not
		// committed yet.
		verdicts[i] = errInFlight
	}
	consumers := slices.Repeat([]string{h.function.Name}, len(c.ids)) // joined, not compared: see queueFinish
	batch := &pgx.Batch{}
	batch.Queue(`
		with expired as (
			select i.consumer, i.source, i.id, c.lease
			from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bool[]) c(consumer, source, id, hash, lease)
			join delivery.idempotency i using (consumer, source, id)
			where i.state = 'claimed' and i.lease_until <= now() and i.payload_hash = c.hash
			order by i.source, i.id for update of i)
		update delivery.idempotency i
		   set fence = i.fence + 1, attempts = i.attempts + 1,
		       lease_until = case when e.lease then now() + $6::interval end,
		       state = case when e.lease then 'claimed' else 'done' end,
		       done_at = case when e.lease then null else now() end
		from expired e
		where i.consumer = e.consumer and i.source = e.source and i.id = e.id
		returning i.source, i.id, i.fence, i.attempts`,
		consumers, c.sources, c.ids, c.hashes, c.leases, h.options.Lease).Query(func(rows pgx.Rows) error {
		var source, id string
		var fence int64
		var attempts int
		_, err := pgx.ForEachRow(rows, []any{&source, &id, &fence, &attempts}, func() error {
			key := source + "\x00" + id
			i := c.fresh[key]
			c.all[i].fence, c.all[i].attempts, verdicts[i] = fence, attempts, nil
			delete(c.fresh, key)
			return nil
		})
		return err
	})
	batch.Queue(`
		select i.source, i.id, i.state, i.payload_hash, i.xmin = pg_current_xact_id()::xid
		from delivery.idempotency i
		join unnest($1::text[], $2::text[], $3::text[]) c(consumer, source, id) using (consumer, source, id)`,
		consumers, c.sources, c.ids).Query(func(rows pgx.Rows) error {
		var source, id, state string
		var hash []byte
		var ours bool
		_, err := pgx.ForEachRow(rows, []any{&source, &id, &state, &hash, &ours}, func() error {
			i, open := c.fresh[source+"\x00"+id]
			switch {
			case !open: // taken over
			case ours:
				c.all[i].first()
				verdicts[i] = nil
			case !bytes.Equal(hash, c.all[i].r.hash[:]):
				verdicts[i] = errPayloadDiffer
			case state == "done":
				verdicts[i] = errDone
			}
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("sort out claims: %w", err)
	}
	return nil
}

// queueFinish makes claimed rows done, if they are still ours by fence, and
// calls ours with the key of each that was. The consumer is joined like the rest
// of the key: as a constant it would let a plan that was made while the table
// was empty walk through all rows of the consumer, for ever.
func queueFinish(batch *pgx.Batch, consumer string, sources, ids []string, fences []int64, ours func(key string)) {
	batch.Queue(`
		update delivery.idempotency i set state = 'done', done_at = now(), lease_until = null
		from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) c(consumer, source, id, fence)
		where i.consumer = c.consumer and i.source = c.source and i.id = c.id and i.fence = c.fence and i.state = 'claimed'
		returning i.source, i.id`, slices.Repeat([]string{consumer}, len(ids)), sources, ids, fences).Query(func(rows pgx.Rows) error {
		var source, id string
		_, err := pgx.ForEachRow(rows, []any{&source, &id}, func() error {
			ours(source + "\x00" + id)
			return nil
		})
		return err
	})
}

// finishClaims makes claims done whose prepare found nothing to call.
func (h *Host) finishClaims(ctx context.Context, tx pgx.Tx, finished []*claim) error {
	if len(finished) == 0 {
		return nil
	}
	var sources, ids []string
	var fences []int64
	for _, c := range finished {
		sources, ids, fences = append(sources, c.r.source), append(ids, c.r.id), append(fences, c.fence)
	}
	done := 0
	batch := &pgx.Batch{}
	queueFinish(batch, h.function.Name, sources, ids, fences, func(string) { done++ })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("finish claims: %w", err)
	}
	if done != len(finished) {
		return errOvertaken
	}
	return nil
}

// key is that of the event, or nothing.
func (c *claim) key() string {
	if c.r == nil {
		return ""
	}
	return c.r.key()
}

// key is what makes two deliveries the same event (CloudEvents: source and id).
func (r *received) key() string { return r.source + "\x00" + r.id }

// deferral is how long to wait before the n-th claim's successor, once the
// broker's own retries are used up: 1 s doubling to 5 min.
func deferral(attempts int) time.Duration {
	wait := time.Second << min(max(attempts-brokerTries, 0), 9)
	return min(wait, 5*time.Minute)
}
