package report

import (
	"context"
	"fmt"
	"time"
)

// lookEvery is the pause between two looks at the projection.
const lookEvery = 20 * time.Millisecond

// Await waits until the projection has heard of the postings that the ledger has
// of these accounts now, for patience at most. Whether it came to that is for
// Report.Behind to say. A transaction that was refused has no place in an account
// and is not waited for.
func Await(ctx context.Context, q Querier, accounts []string, patience time.Duration) error {
	if len(accounts) == 0 {
		return nil
	}
	var ids []string
	var seqs []int64
	if err := q.QueryRow(ctx, `
		select coalesce(array_agg(a.id::text), '{}'), coalesce(array_agg(a.seq), '{}')
		from ledger.account a left join query.balance b on b.account_id = a.id
		where a.id = any($1::uuid[]) and a.kind = 'customer' and coalesce(b.heard, 0) < a.seq`, accounts).Scan(&ids, &seqs); err != nil {
		return fmt.Errorf("ask the ledger how far it is: %w", err)
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for behind := len(ids) > 0; behind; {
		select {
		case <-look.C:
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := q.QueryRow(ctx, `
			select exists (select from unnest($1::uuid[], $2::bigint[]) a(id, seq) left join query.balance b on b.account_id = a.id
			               where coalesce(b.heard, 0) < a.seq)`, ids, seqs).Scan(&behind); err != nil {
			return fmt.Errorf("ask the projection how far it is: %w", err)
		}
	}
	return nil
}
