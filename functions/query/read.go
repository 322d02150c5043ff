package query

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
)

// ErrNotFound means that nothing is known of the account, or not yet.
var ErrNotFound = errors.New("account not found")

// MaxPage is the most rows that a list returns, whatever limit is asked for.
const MaxPage = 500

// Status of an account. It moves in this order and never back.
type Status string

// The statuses.
const (
	StatusOpen    Status = "open"
	StatusClosing Status = "closing"
	StatusClosed  Status = "closed"
)

// Account is an account as its owner sees it.
type Account struct {
	ID         string
	CustomerID string
	Product    events.Product
	Currency   money.Currency
	Status     Status
	OpenedAt   time.Time
	ClosedAt   time.Time // zero unless closed
}

// Version of what FindAccount read: nothing else of an account ever changes.
func (a Account) Version() string { return string(a.Status) }

// Balance is what is in an account after its latest known posting.
type Balance struct {
	AccountID    string
	Currency     money.Currency
	BalanceMinor int64
	AccountSeq   int64 // position of that posting in the account; 0 before the first
}

// Version of what FindBalance read.
func (b Balance) Version() string { return strconv.FormatInt(b.AccountSeq, 10) }

// Kind of a transaction: what the money moved for.
type Kind string

// The kinds.
const (
	Deposit         Kind = "deposit"
	Withdrawal      Kind = "withdrawal"
	Invoice         Kind = "invoice"
	Transfer        Kind = "transfer"
	BankTransaction Kind = "bank-transaction"
)

// Transaction is one posting to an account.
type Transaction struct {
	AccountID    string
	AccountSeq   int64 // from 1, without gaps
	Kind         Kind
	Reference    string // the operation's, the invoice's or the transaction's id
	AmountMinor  int64  // signed: positive into the account, negative out of it
	Currency     money.Currency
	BalanceMinor int64 // after it
	OccurredAt   time.Time
}

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const accountColumns = `account_id, coalesce(customer_id::text, '') customer_id, coalesce(product, '') product,
	coalesce(currency, '') currency, status, opened_at, closed_at`

func scanAccount(row pgx.CollectableRow) (a Account, err error) {
	var opened, closed *time.Time
	err = row.Scan(&a.ID, &a.CustomerID, &a.Product, &a.Currency, &a.Status, &opened, &closed)
	a.OpenedAt, a.ClosedAt = instant(opened), instant(closed)
	return a, err
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// FindAccount reads one account; ErrNotFound when its opening has not been
// heard of.
func FindAccount(ctx context.Context, q Querier, id string) (Account, error) {
	rows, err := q.Query(ctx, `
		select `+accountColumns+` from query.account_projection
		where account_id = $1 and customer_id is not null`, id)
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return one(rows, scanAccount, "account")
}

func scanBalance(row pgx.CollectableRow) (b Balance, err error) {
	err = row.Scan(&b.AccountID, &b.Currency, &b.BalanceMinor, &b.AccountSeq)
	return b, err
}

// FindBalance reads the balance of one account; ErrNotFound when neither its
// opening nor a posting has been heard of.
func FindBalance(ctx context.Context, q Querier, accountID string) (Balance, error) {
	rows, err := q.Query(ctx, `
		select account_id, currency, balance_minor, account_seq from query.balance where account_id = $1`, accountID)
	if err != nil {
		return Balance{}, fmt.Errorf("read balance: %w", err)
	}
	return one(rows, scanBalance, "balance")
}

// Balances reads those of several accounts, by account. What has not been heard
// of is not in it.
func Balances(ctx context.Context, q Querier, accountIDs []string) (map[string]Balance, error) {
	rows, err := q.Query(ctx, `
		select account_id, currency, balance_minor, account_seq from query.balance where account_id = any($1::uuid[])`, accountIDs)
	if err != nil {
		return nil, fmt.Errorf("read balances: %w", err)
	}
	list, err := many(rows, scanBalance, "balances")
	if err != nil {
		return nil, err
	}
	found := make(map[string]Balance, len(list))
	for _, b := range list {
		found[b.AccountID] = b
	}
	return found, nil
}

// TransactionsOf lists an account's postings in their order, from the one
// behind position afterSeq (0 starts at the beginning). The position of the
// last of a page is the next page's afterSeq. A posting that is heard late
// appears in its place, so whoever follows an account stops at a gap in the
// positions and asks again from there.
func TransactionsOf(ctx context.Context, q Querier, accountID string, afterSeq int64, limit int) ([]Transaction, error) {
	rows, err := q.Query(ctx, `
		select account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at
		from query.transaction where account_id = $1 and account_seq > $2
		order by account_seq limit $3`, accountID, afterSeq, page(limit))
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	return many(rows, func(row pgx.CollectableRow) (t Transaction, err error) {
		err = row.Scan(&t.AccountID, &t.AccountSeq, &t.Kind, &t.Reference, &t.AmountMinor, &t.Currency, &t.BalanceMinor, &t.OccurredAt)
		t.OccurredAt = t.OccurredAt.UTC()
		return t, err
	}, "transactions")
}

func page(limit int) int { return min(max(limit, 1), MaxPage) }

func one[T any](rows pgx.Rows, scan pgx.RowToFunc[T], what string) (T, error) {
	v, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, ErrNotFound
	}
	if err != nil {
		return v, fmt.Errorf("read %s: %w", what, err)
	}
	return v, nil
}

func many[T any](rows pgx.Rows, scan pgx.RowToFunc[T], what string) ([]T, error) {
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	return list, nil
}
