package bench

import (
	"context"
	"errors"
	"fmt"
)

// errBooks: what was answered is not what the database holds.
var errBooks = errors.New("the books do not agree with the answers")

// verify compares the books with the answers: one posted journal, one claim and
// one event said per 2xx, nothing refused, debits equal credits, and every
// balance the sum of its entries.
func (l *ledgerDoor) verify(ctx context.Context) (string, error) {
	var posted, failed, claims, said, entries, groups int
	var sum, wrong int64
	err := l.owner.QueryRow(ctx, `
		select (select count(*) from ledger.journal where status = 'posted'),
		       (select count(*) from ledger.journal where status <> 'posted'),
		       (select count(*) from delivery.idempotency where consumer = 'ledger-posting' and state = 'done'),
		       (select count(*) from delivery.outbox where source = '/functions/ledger-posting'),
		       (select count(*) from ledger.entry),
		       (select count(distinct posted_at) from ledger.journal),
		       (select coalesce(sum(amount_minor), 0)::bigint from ledger.entry),
		       (select count(*) from ledger.account a
		        left join (select account_id, sum(amount_minor) as sum, count(*) as n from ledger.entry group by 1) e on e.account_id = a.id
		        where a.kind = 'customer' and (a.balance_minor <> -coalesce(e.sum, 0) or a.seq <> coalesce(e.n, 0)))`).
		Scan(&posted, &failed, &claims, &said, &entries, &groups, &sum, &wrong)
	if err != nil {
		return "", fmt.Errorf("read the books: %w", err)
	}
	found := fmt.Sprintf("%d answers 2xx; in the books %d postings, %d refusals, %d claims, %d events, %d entries, in %d transactions; debits less credits %d; %d balances wrong",
		l.answered, posted, failed, claims, said, entries, groups, sum, wrong)
	if posted != l.answered || failed != 0 || claims != posted || said != posted || entries != 2*posted || sum != 0 || wrong != 0 {
		return found, fmt.Errorf("%w: %s", errBooks, found)
	}
	return found, nil
}
