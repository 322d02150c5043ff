package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/accounts"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/ledger"
	"quittance.dev/functions/query"
)

// Balance is what is in an account after its latest posting that the
// projection has heard of.
type Balance struct {
	AccountID string `json:"account_id" doc:"The account."`
	Currency  string `json:"currency" doc:"The account's currency."`
	Balance   Amount `json:"balance" doc:"In the currency's major unit."`
	Version   int64  `json:"version" doc:"Position of that posting in the account; 0 before the first. It only grows."`
}

// Transaction is one posting to an account.
type Transaction struct {
	Position     int64      `json:"position" doc:"Place in the account, from 1, without gaps."`
	Kind         query.Kind `json:"kind" doc:"What the money moved for." enum:"deposit,withdrawal,invoice,transfer,bank-transaction"`
	Reference    string     `json:"reference" doc:"The operation, the invoice or the transaction."`
	Amount       Amount     `json:"amount" doc:"Negative out of the account."`
	Currency     string     `json:"currency" doc:"The account's currency."`
	BalanceAfter Amount     `json:"balance_after" doc:"What it left in the account."`
	OccurredAt   time.Time  `json:"occurred_at" doc:"When it was posted."`
}

func balanceOf(account accounts.Account, found query.Balance) Balance {
	return Balance{
		AccountID: account.ID, Currency: string(account.Currency),
		Balance: amountOf(found.BalanceMinor, account.Currency), Version: found.AccountSeq,
	}
}

func (a *api) balanceRoutes() {
	a.listBalances()
	a.readBalance()
	a.listTransactions()
}

// exists finds an account that the caller may read: one that was opened a moment ago may not have reached the
// projection yet.
func (a *api) exists(ctx context.Context, accountID string) (accounts.Account, error) {
	if !isID(accountID) {
		return accounts.Account{}, errNotFound
	}
	account, err := accounts.Find(ctx, a.host.Pool(), accountID)
	if err == nil && account.Owner != caller(ctx).ID && !caller(ctx).May(identity.Operator) {
		err = errNotFound
	}
	return account, err
}

func (a *api) readBalance() {
	type input struct {
		AccountPath
		Conditional
	}
	type output struct {
		Status int
		Cached
		Behind int64 `header:"Quittance-Behind" doc:"How many postings the ledger has that the projection has not heard of yet; 0 when it is up to date."`
		Body   *Balance
	}
	register(a, huma.Operation{
		OperationID: "get-balance", Method: http.MethodGet, Path: "/balances/{account_id}", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary:     "Read an account's balance",
		Description: "From the projection for reading, which may be a moment behind the ledger; Quittance-Behind says how far. A client that holds a version asks with If-None-Match whether there is a newer one.",
		Responses:   map[string]*huma.Response{"304": {Description: "You hold the version that there is."}},
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		account, err := a.exists(ctx, in.AccountID)
		if err != nil {
			return nil, err
		}
		found, err := query.FindBalance(ctx, a.host.Pool(), in.AccountID)
		if err != nil && !errors.Is(err, query.ErrNotFound) {
			return nil, err
		}
		inLedger, err := ledger.Find(ctx, a.host.Pool(), in.AccountID) // after the projection, so it is never behind it
		if err != nil {
			return nil, err
		}
		out := &output{Cached: cached(found.Version()), Behind: inLedger.Seq - found.AccountSeq}
		if in.holds(out.ETag) {
			out.Status = http.StatusNotModified
			return out, nil
		}
		body := balanceOf(account, found)
		out.Status, out.Body = http.StatusOK, &body
		return out, nil
	})
}

// BalanceList is a page of balances.
type BalanceList struct {
	Balances []Balance `json:"balances" nullable:"false" doc:"In the order in which the accounts were opened."`
	Next     string    `json:"next,omitempty" doc:"The value of after for the next page; absent at the end."`
}

func (a *api) listBalances() {
	type output struct{ Body BalanceList }
	register(a, huma.Operation{
		OperationID: "list-balances", Method: http.MethodGet, Path: "/balances", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary:     "List the balances of your accounts",
		Description: "From the projection for reading, which may be a moment behind the ledger. An operator names a customer or a number and gets those.",
	}, []kind{invalidCursor}, func(ctx context.Context, in *accountsInput) (*output, error) {
		found, next, err := a.accountsPage(ctx, in)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(found))
		for i, account := range found {
			ids[i] = account.ID
		}
		balances, err := query.Balances(ctx, a.host.Pool(), ids)
		if err != nil {
			return nil, err
		}
		body := BalanceList{Balances: make([]Balance, len(found)), Next: next}
		for i, account := range found {
			body.Balances[i] = balanceOf(account, balances[account.ID])
		}
		return &output{body}, nil
	})
}

// TransactionList is a page of transactions.
type TransactionList struct {
	AccountID    string        `json:"account_id" doc:"The account."`
	Transactions []Transaction `json:"transactions" nullable:"false" doc:"Oldest first."`
	Next         string        `json:"next,omitempty" doc:"The value of after for the next page; absent at the end."`
}

func (a *api) listTransactions() {
	type input struct {
		AccountPath
		Page
		Conditional
	}
	type output struct {
		Status int
		Cached
		Body *TransactionList
	}
	register(a, huma.Operation{
		OperationID: "list-transactions", Method: http.MethodGet, Path: "/transactions/{account_id}", Tags: []string{"Accounts"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary:     "List an account's transactions",
		Description: "From the projection for reading, which may be a moment behind the ledger. A posting that is heard late appears in its place: whoever follows an account stops at a gap in the positions and asks again from there.",
		Responses:   map[string]*huma.Response{"304": {Description: "You hold the version that there is."}},
	}, []kind{notFound, invalidCursor}, func(ctx context.Context, in *input) (*output, error) {
		from, err := in.place()
		if err != nil {
			return nil, err
		}
		position := int64(0)
		if from.id != "" {
			if position, err = strconv.ParseInt(from.id, 10, 64); err != nil || position < 0 {
				return nil, invalidCursor.problem()
			}
		}
		if _, err := a.exists(ctx, in.AccountID); err != nil {
			return nil, err
		}
		found, err := query.TransactionsOf(ctx, a.host.Pool(), in.AccountID, position, in.Limit+1)
		if err != nil {
			return nil, err
		}
		found, next := cut(found, in.Limit, func(t query.Transaction) place {
			return place{id: strconv.FormatInt(t.AccountSeq, 10)}
		})
		// A transaction never changes: which ones there are is all that can.
		version := "none"
		if len(found) > 0 {
			version = fmt.Sprintf("%d-%d-%d-%t", len(found), found[0].AccountSeq, found[len(found)-1].AccountSeq, next != "")
		}
		out := &output{Status: http.StatusOK, Cached: cached(version)}
		if in.holds(out.ETag) {
			out.Status = http.StatusNotModified
			return out, nil
		}
		body := TransactionList{AccountID: in.AccountID, Transactions: make([]Transaction, len(found)), Next: next}
		for i, t := range found {
			body.Transactions[i] = Transaction{
				Position: t.AccountSeq, Kind: t.Kind, Reference: t.Reference, Amount: amountOf(t.AmountMinor, t.Currency),
				Currency: string(t.Currency), BalanceAfter: amountOf(t.BalanceMinor, t.Currency), OccurredAt: t.OccurredAt,
			}
		}
		out.Body = &body
		return out, nil
	})
}
