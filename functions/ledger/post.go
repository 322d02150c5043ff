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
	// ErrSenseless: an amount that is not positive, a kind that is unknown, or a
	// transfer without two accounts.
	ErrSenseless = errors.New("not a posting")
)

// Post posts a batch in tx and returns the outcome of each posting in its
// place. The rows are written with the commit of tx.
//
// A posting whose business key was posted before gets the outcome of that time;
// if that one was of another kind, account, amount or currency, the error is
// ErrDiffers. Only a posting that comes alone is looked up: a key that stands
// already breaks the commit of a batch, and the kernel then takes the batch
// apart. So nothing that postings in flight write is read by others. An error
// means that nothing is known and tx must not commit.
func Post(ctx context.Context, tx fn.Tx, postings []Posting) ([]Outcome, error) {
	for _, p := range postings {
		if p.AmountMinor <= 0 || !p.Kind.known() || (p.Kind == Transfer) != (p.ToAccountID != "") || p.AccountID == p.ToAccountID {
			return nil, fn.Permanent(fmt.Errorf("%s: %w: %s", p.BusinessKey, ErrSenseless, p))
		}
	}
	accounts, before, err := load(ctx, tx, postings)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(postings))
	w := &writes{}
	inBatch := make(map[string]int, len(postings))
	for i, p := range postings {
		if before != nil {
			if !before.posting.same(p) {
				return nil, fn.Permanent(fmt.Errorf("%s: %w: %s", p.BusinessKey, ErrDiffers, p))
			}
			outcomes[i] = before.outcome
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
		outcomes[i] = decide(accounts, p)
		if outcomes[i].Status == Suspended {
			outcomes[i].CaseID = fn.DeriveID("suspense", p.BusinessKey)
		}
		if err := w.add(p, outcomes[i]); err != nil {
			return nil, fn.Permanent(fmt.Errorf("%s: %w: %w", p.BusinessKey, ErrSenseless, err))
		}
	}
	w.queue(tx.Last())
	return outcomes, nil
}

// posted is a journal of an earlier transaction.
type posted struct {
	outcome Outcome
	posting Posting
}

// same tells whether two postings under one business key are one.
func (p Posting) same(q Posting) bool {
	return p.Kind == q.Kind && p.AccountID == q.AccountID && p.ToAccountID == q.ToAccountID && p.AmountMinor == q.AmountMinor && p.Currency == q.Currency
}

// load locks the accounts of postings, in the order of their ids, and finds
// what a posting that comes alone became before, if it did.
func load(ctx context.Context, tx pgx.Tx, postings []Posting) (accounts map[string]*account, before *posted, err error) {
	ids := make([][16]byte, 0, len(postings))
	for _, p := range postings {
		for _, name := range [...]string{p.AccountID, p.ToAccountID} {
			if id, err := uuid.Parse(name); err == nil { // there is no account of another name
				ids = append(ids, id)
			}
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		select id, product, currency, status, balance_minor, floor_minor, seq, deposits
		from ledger.account where id = any($1::uuid[]) and kind = 'customer'
		order by id for no key update`, ids).Query(func(rows pgx.Rows) error {
		accounts = make(map[string]*account, len(ids))
		var id [16]byte
		var a account
		_, err := pgx.ForEachRow(rows, []any{&id, &a.product, &a.currency, &a.status, &a.balance, &a.floor, &a.seq, &a.deposits}, func() error {
			loaded := a
			accounts[uuid.UUID(id).String()] = &loaded
			return nil
		})
		return err
	})
	if len(postings) == 1 {
		queueLookUp(batch, postings[0].BusinessKey, &before)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("load accounts: %w", err)
	}
	return accounts, before, nil
}

// queueLookUp has *before set to the journal under key, if there is one.
func queueLookUp(batch *pgx.Batch, key string, before **posted) {
	batch.Queue(`
		select j.kind, j.status, coalesce(j.reason, s.reason, ''), coalesce(s.id::text, ''),
		       coalesce(s.account_id, case when j.kind in ('withdrawal', 'transfer', 'bank-debit') then j.debit_account else j.credit_account end)::text,
		       case j.kind when 'transfer' then j.credit_account::text else '' end,
		       j.currency, j.amount_minor,
		       coalesce(j.debit_balance_minor, j.credit_balance_minor, 0), coalesce(j.debit_seq, j.credit_seq, 0),
		       case j.kind when 'transfer' then coalesce(j.credit_balance_minor, 0) else 0 end,
		       case j.kind when 'transfer' then coalesce(j.credit_seq, 0) else 0 end,
		       coalesce(j.debit_balance_minor = 0 and a.product = 'simple-savings', false)
		from ledger.journal j
		left join ledger.account a on a.id = j.debit_account
		left join ledger.suspense_case s on s.journal_id = j.id
		where j.id = $1`, journalID(key)).Query(func(rows pgx.Rows) error {
		var p posted
		var reason string
		_, err := pgx.ForEachRow(rows, []any{&p.posting.Kind, &p.outcome.Status, &reason, &p.outcome.CaseID, &p.posting.AccountID, &p.posting.ToAccountID,
			&p.posting.Currency, &p.posting.AmountMinor, &p.outcome.BalanceMinor, &p.outcome.AccountSeq,
			&p.outcome.To.BalanceMinor, &p.outcome.To.AccountSeq, &p.outcome.Closing}, func() error {
			p.outcome.Reason = events.Reason(reason)
			if p.outcome.CaseID != "" {
				p.outcome.Status = Suspended
			}
			*before = &p
			return nil
		})
		return err
	})
}

// HouseAccount is the id of one of the bank's own accounts: derived from its
// name, the same way as in 003_ledger.sql.
func HouseAccount(house House, c money.Currency) string {
	return houseAccount(house, c).String()
}

func houseAccount(house House, c money.Currency) uuid.UUID {
	return md5.Sum([]byte("quittance/house/" + string(house) + "/" + string(c)))
}

// journalID names a journal by its business key, the same way as the database
// asks for it.
func journalID(businessKey string) uuid.UUID { return md5.Sum([]byte(businessKey)) }

// OperationKey is the business key of a deposit or withdrawal.
func OperationKey(operationID string) string { return "operation:" + operationID }

// TransactionKey is the business key of a transfer or a bank transaction.
func TransactionKey(transactionID string) string { return "transaction:" + transactionID }

// PaymentKey is the business key of crediting a paid invoice.
func PaymentKey(paymentID string) string { return "payment:" + paymentID }

// String names a posting in errors and logs.
func (p Posting) String() string {
	return string(p.Kind) + " " + strconv.FormatInt(p.AmountMinor, 10) + " " + string(p.Currency) + " on " + p.AccountID
}
