package ledger

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Errors of Post that no retry mends; they come as fn.Permanent.
var (
	// ErrDiffers: the business key stands for another posting.
	ErrDiffers = errors.New("the business key stands for another posting")
	// ErrSenseless: an amount that is not positive, or a kind that is unknown.
	ErrSenseless = errors.New("not a posting")
)

// Post posts a batch in tx and returns the outcome of each posting in its
// place. A posting whose business key was posted before gets the outcome of
// that time; if that one was of another kind, account, amount or currency, the
// error is ErrDiffers. Of one that was refused only the kind is known: it stays
// refused. An error means that nothing is known and tx must not commit.
func Post(ctx context.Context, tx fn.Tx, postings []Posting) ([]Outcome, error) {
	for _, p := range postings {
		if p.AmountMinor <= 0 || p.Kind != Deposit && p.Kind != Withdrawal && p.Kind != Invoice {
			return nil, fn.Permanent(fmt.Errorf("%s: %w: %s", p.BusinessKey, ErrSenseless, p))
		}
	}
	accounts, before, err := load(ctx, tx, postings)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(postings))
	w := &writes{}
	inBatch := map[string]int{}
	for i, p := range postings {
		if done, ok := before[p.BusinessKey]; ok {
			if !done.is(p) {
				return nil, fn.Permanent(fmt.Errorf("%s: %w: %s", p.BusinessKey, ErrDiffers, p))
			}
			outcomes[i] = done.outcome
			continue
		}
		if first, ok := inBatch[p.BusinessKey]; ok {
			if !postings[first].same(p) {
				return nil, fn.Permanent(fmt.Errorf("%s: %w: %s", p.BusinessKey, ErrDiffers, p))
			}
			outcomes[i] = outcomes[first]
			continue
		}
		inBatch[p.BusinessKey] = i
		outcomes[i] = decide(accounts[p.AccountID], p)
		if outcomes[i].Status == Suspended {
			outcomes[i].CaseID = fn.DeriveID("suspense", p.BusinessKey)
		}
		w.add(p, outcomes[i])
	}
	return outcomes, w.store(ctx, tx, accounts)
}

// posted is a journal of an earlier transaction under the same business key.
type posted struct {
	outcome Outcome
	posting Posting // of a failed one, the kind alone
}

func (b posted) is(p Posting) bool {
	if b.outcome.Status == Failed {
		return b.posting.Kind == p.Kind
	}
	return b.posting.same(p)
}

// same tells whether two postings under one business key are one.
func (p Posting) same(q Posting) bool {
	return p.Kind == q.Kind && p.AccountID == q.AccountID && p.AmountMinor == q.AmountMinor && p.Currency == q.Currency
}

func load(ctx context.Context, tx pgx.Tx, postings []Posting) (map[string]*account, map[string]posted, error) {
	ids, keys := make([]string, len(postings)), make([]string, len(postings))
	for i, p := range postings {
		ids[i], keys[i] = p.AccountID, p.BusinessKey
	}
	accounts, before := map[string]*account{}, map[string]posted{}
	batch := &pgx.Batch{}
	batch.Queue(`
		select id::text, product, currency, status, balance_minor, floor_minor, seq, deposits
		from ledger.account where id = any($1::uuid[]) and kind = 'customer'
		order by id for update`, ids).Query(func(rows pgx.Rows) error {
		loaded, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a account, err error) {
			err = row.Scan(&a.id, &a.product, &a.currency, &a.status, &a.balance, &a.floor, &a.seq, &a.deposits)
			return a, err
		})
		for i := range loaded {
			accounts[loaded[i].id] = &loaded[i]
		}
		return err
	})
	batch.Queue(`
		select j.business_key, j.kind, j.status, coalesce(j.reason, s.reason, ''), coalesce(s.id::text, ''),
		       coalesce(s.account_id, e.account_id)::text, coalesce(e.currency, ''),
		       coalesce(abs(e.amount_minor), 0), coalesce(e.balance_after_minor, 0), coalesce(e.account_seq, 0),
		       j.kind = 'withdrawal' and a.product = 'simple-savings' and e.balance_after_minor = 0
		from ledger.journal j
		left join ledger.entry e on e.journal_id = j.id and e.leg = 1
		left join ledger.account a on a.id = e.account_id
		left join ledger.suspense_case s on s.journal_id = j.id
		where j.business_key = any($1)`, keys).Query(func(rows pgx.Rows) error {
		var key, status, reason, caseID string
		var p posted
		var account *string
		var closing *bool
		_, err := pgx.ForEachRow(rows, []any{&key, &p.posting.Kind, &status, &reason, &caseID, &account, &p.posting.Currency,
			&p.posting.AmountMinor, &p.outcome.BalanceMinor, &p.outcome.AccountSeq, &closing}, func() error {
			if account != nil {
				p.posting.AccountID = *account
			}
			p.outcome.Status, p.outcome.Reason, p.outcome.CaseID = Status(status), events.Reason(reason), caseID
			p.outcome.Closing = closing != nil && *closing
			if caseID != "" {
				p.outcome.Status = Suspended
			}
			before[key] = p
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("load accounts: %w", err)
	}
	return accounts, before, nil
}

// writes gathers the rows of a batch, column by column.
type writes struct {
	journalIDs, kinds, keys, statuses, reasons, correlations []string
	entryJournals, entryAccounts, entryCurrencies            []string
	legs                                                     []int16
	amounts                                                  []int64
	seqs, balances                                           []*int64
	cases                                                    []suspended
}

// suspended is one suspense case to open.
type suspended struct {
	journalID string
	posting   Posting
	outcome   Outcome
}

func (w *writes) add(p Posting, o Outcome) {
	journal := fn.DeriveID("journal", p.BusinessKey)
	w.journalIDs = append(w.journalIDs, journal)
	w.kinds, w.keys = append(w.kinds, string(p.Kind)), append(w.keys, p.BusinessKey)
	w.correlations = append(w.correlations, p.CorrelationID)
	status, reason := o.Status, string(o.Reason)
	if o.Status == Suspended {
		status, reason = Posted, ""
		w.cases = append(w.cases, suspended{journal, p, o})
		w.entry(journal, 1, HouseAccount(Suspense, p.Currency), p.Currency, -p.AmountMinor, nil, nil)
		w.entry(journal, 2, HouseAccount(counterpart(p.Kind), p.Currency), p.Currency, p.AmountMinor, nil, nil)
	}
	w.statuses, w.reasons = append(w.statuses, string(status)), append(w.reasons, reason)
	if o.Status == Posted {
		credit := -p.AmountMinor // to the customer's account
		if p.Kind == Withdrawal {
			credit = p.AmountMinor
		}
		w.entry(journal, 1, p.AccountID, p.Currency, credit, &o.AccountSeq, &o.BalanceMinor)
		w.entry(journal, 2, HouseAccount(counterpart(p.Kind), p.Currency), p.Currency, -credit, nil, nil)
	}
}

func (w *writes) entry(journal string, leg int16, account string, c money.Currency, amount int64, seq, balance *int64) {
	w.entryJournals, w.entryAccounts, w.entryCurrencies = append(w.entryJournals, journal), append(w.entryAccounts, account), append(w.entryCurrencies, string(c))
	w.legs, w.amounts = append(w.legs, leg), append(w.amounts, amount)
	w.seqs, w.balances = append(w.seqs, seq), append(w.balances, balance)
}

func (w *writes) store(ctx context.Context, tx fn.Tx, accounts map[string]*account) error {
	if len(w.journalIDs) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	// Journals and entries in one statement: at the end of it the triggers see
	// every journal whole.
	batch.Queue(`
		with j as (
			insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at)
			select id, kind, key, status, nullif(reason, ''), correlation, now()
			from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
			     n(id, kind, key, status, reason, correlation)
		)
		insert into ledger.entry (journal_id, leg, account_id, currency, amount_minor, account_seq, balance_after_minor)
		select * from unnest($7::uuid[], $8::smallint[], $9::uuid[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[])`,
		w.journalIDs, w.kinds, w.keys, w.statuses, w.reasons, w.correlations,
		w.entryJournals, w.legs, w.entryAccounts, w.entryCurrencies, w.amounts, w.seqs, w.balances)
	queueAccounts(batch, accounts)
	for _, c := range w.cases {
		batch.Queue(`
			insert into ledger.suspense_case (id, journal_id, account_id, amount_minor, currency, reason)
			values ($1, $2, $3, $4, $5, $6)`,
			c.outcome.CaseID, c.journalID, c.posting.AccountID, c.posting.AmountMinor, c.posting.Currency, c.outcome.Reason)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store %d journals: %w", len(w.journalIDs), err)
	}
	return nil
}

// queueAccounts writes the accounts that changed.
func queueAccounts(batch *pgx.Batch, accounts map[string]*account) {
	var ids []string
	var balances, seqs, deposits []int64
	var closing []bool
	for _, a := range accounts {
		if a.touched {
			ids = append(ids, a.id)
			balances, seqs, deposits = append(balances, a.balance), append(seqs, a.seq), append(deposits, a.deposits)
			closing = append(closing, a.nowClosing)
		}
	}
	if len(ids) == 0 {
		return
	}
	batch.Queue(`
		update ledger.account a
		set balance_minor = n.balance, seq = n.seq, deposits = n.deposits,
		    status = case when n.closing then 'closing' else a.status end,
		    closing_at = case when n.closing then now() else a.closing_at end
		from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bool[]) n(id, balance, seq, deposits, closing)
		where a.id = n.id`, ids, balances, seqs, deposits, closing)
}

// HouseAccount is the id of one of the bank's own accounts: derived from its
// name, the same way as in 003_ledger.sql.
func HouseAccount(house House, c money.Currency) string {
	return uuid.UUID(md5.Sum([]byte("quittance/house/" + string(house) + "/" + string(c)))).String()
}

// OperationKey is the business key of a deposit or withdrawal.
func OperationKey(operationID string) string { return "operation:" + operationID }

// PaymentKey is the business key of crediting a paid invoice.
func PaymentKey(paymentID string) string { return "payment:" + paymentID }

// String names a posting in errors and logs.
func (p Posting) String() string {
	return string(p.Kind) + " " + strconv.FormatInt(p.AmountMinor, 10) + " " + string(p.Currency) + " on " + p.AccountID
}
