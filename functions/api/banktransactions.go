package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/identity"
)

// AskedBankTransaction is what the bank was asked to take or give, and why.
type AskedBankTransaction struct {
	TransactionID string           `json:"transaction_id" doc:"Names it, in the report of transactions too, which tells what became of it."`
	RequestedAt   time.Time        `json:"requested_at" doc:"When it was asked for."`
	DstAccountID  string           `json:"dst_account_id" doc:"The customer's account."`
	Amount        Amount           `json:"amount" doc:"What was to be moved."`
	Currency      string           `json:"currency" doc:"The account's currency."`
	Direction     events.Direction `json:"direction" enum:"debit,credit" doc:"debit: from the customer; credit: to the customer."`
	Reason        string           `json:"reason" doc:"Why it was asked for."`
	AskedBy       string           `json:"asked_by" doc:"The id of who asked."`
}

// BankTransactionList is a page of bank transactions.
type BankTransactionList struct {
	BankTransactions []AskedBankTransaction `json:"bank_transactions" nullable:"false" doc:"Newest first."`
	Next             string                 `json:"next,omitempty" doc:"The value of after for the next page; absent at the end."`
}

func (a *api) bankTransactionsRoute() {
	type input struct {
		Page
		Account ID     `query:"account_id" doc:"Only those of this account."`
		Reason  string `query:"reason" maxLength:"200" pattern:"^[^\\x00�]*$" patternDescription:"text in UTF-8 without the character NUL" doc:"Only those whose reason has these words, in any order; in double quotes, in this order; with a minus before it, not this word."`
	}
	type output struct{ Body BankTransactionList }
	register(a, huma.Operation{
		OperationID: "list-bank-transactions", Method: http.MethodGet, Path: "/api/v1/bank_transactions", Tags: []string{"Transactions"},
		Security:    allow(identity.Treasury, identity.Operator),
		Summary:     "Find what the bank took and gave, and why",
		Description: "What was refused is in it as well.",
	}, []kind{invalidCursor}, func(ctx context.Context, in *input) (*output, error) {
		from, err := in.place()
		if err != nil {
			return nil, err
		}
		if in.After != "" && (!isID(from.id) || from.at.IsZero()) {
			return nil, invalidCursor.problem()
		}
		list := BankTransactionList{BankTransactions: []AskedBankTransaction{}}
		found, err := banking.BankTransactions(ctx, a.host.Pool(), banking.BankTransactionFilter{
			AccountID: string(in.Account), Words: in.Reason, BeforeTime: from.at, BeforeID: from.id,
		}, in.Limit+1)
		if err != nil {
			return nil, err
		}
		found, list.Next = cut(found, in.Limit, func(b banking.BankTransaction) place { return place{b.RequestedAt, b.ID} })
		for _, b := range found {
			list.BankTransactions = append(list.BankTransactions, AskedBankTransaction{
				TransactionID: b.ID, RequestedAt: b.RequestedAt, DstAccountID: b.AccountID, Amount: amountOf(b.AmountMinor, b.Currency),
				Currency: string(b.Currency), Direction: b.Direction, Reason: b.Reason, AskedBy: b.AskedBy,
			})
		}
		return &output{list}, nil
	})
}
