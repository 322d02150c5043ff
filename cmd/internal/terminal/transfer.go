package terminal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"quittance.dev/client"
)

// Transfer is one transfer and what became of it.
type Transfer struct {
	From          string           `json:"from"` // as it was asked for
	To            string           `json:"to"`
	Amount        string           `json:"amount"`
	Currency      string           `json:"currency,omitempty"`
	Status        WithdrawalStatus `json:"status"`
	Reason        string           `json:"reason,omitempty"` // of the bank, when it refused
	TransactionID string           `json:"transaction_id,omitempty"`

	missing string // the account that was not found
}

// String is the outcome in words.
func (t Transfer) String() string {
	switch t.Status {
	case Success:
		return fmt.Sprintf("Transfer of %s %s from account %s to account %s successful.", t.Amount, t.Currency, t.From, t.To)
	case AccountNotFound:
		return fmt.Sprintf("Account %s not found.", t.missing)
	case InvalidAmount:
		return "Invalid transfer amount."
	case InsufficientFunds:
		return fmt.Sprintf("Insufficient funds for account %s.", t.From)
	case Refused:
		return fmt.Sprintf("Transfer from account %s refused: %s.", t.From, t.Reason)
	}
	return string(t.Status)
}

// Transfer moves money from one of the customer's accounts, by its number, to
// another of them or, by its id, to anybody's.
func (t Teller) Transfer(ctx context.Context, key client.Key, from, to, amount string) (Transfer, error) {
	moved, err := t.transfer(ctx, key, strings.TrimSpace(from), strings.TrimSpace(to), strings.TrimSpace(amount))
	pairs := []any{"from", moved.From, "to", moved.To, "amount", moved.Amount, "transaction_id", moved.TransactionID}
	if err != nil {
		t.Log.ErrorContext(ctx, "transfer", append(pairs, "error", err.Error())...)
		return moved, err
	}
	t.Log.Log(ctx, moved.Status.Level(), "transfer", append(pairs, "status", moved.Status, "outcome", moved.String())...)
	return moved, nil
}

func (t Teller) transfer(ctx context.Context, key client.Key, from, to, amount string) (Transfer, error) {
	moved := Transfer{From: from, To: to, Amount: amount}
	source, err := t.account(ctx, from)
	if errors.Is(err, errNoAccount) {
		moved.Status, moved.missing = AccountNotFound, from
		return moved, nil
	}
	if err != nil {
		return moved, err
	}
	moved.Currency = source.Currency
	target := to
	if len(to) != 36 { // no UUID: a number
		account, err := t.account(ctx, to)
		if errors.Is(err, errNoAccount) {
			moved.Status, moved.missing = AccountNotFound, to
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
		target = account.AccountID
	}
	if !isNumber(amount) {
		moved.Status = InvalidAmount
		return moved, nil
	}
	answer, err := t.Bank.Transfer(ctx, key, client.NewTransfer{
		SrcAccountID: source.AccountID, DstAccountID: target, Amount: client.Amount(amount), Direction: client.Debit})
	if problem, ok := errors.AsType[*client.Problem](err); ok && !problem.Passes() {
		switch problem.Type {
		case client.InvalidAmount:
			moved.Status = InvalidAmount
			return moved, nil
		case client.NotFound:
			moved.Status, moved.missing = AccountNotFound, to
			return moved, nil
		default:
			return moved, err
		}
	}
	if err != nil {
		return moved, err
	}
	moved.TransactionID, moved.Amount, moved.Reason = answer.Body.TransactionID, string(answer.Body.Amount), answer.Body.Reason
	switch {
	case answer.Body.Status == client.Succeeded:
		moved.Status = Success
	case moved.Reason == client.InsufficientFunds:
		moved.Status = InsufficientFunds
	case moved.Reason == client.NoSuchAccount:
		moved.Status, moved.missing = AccountNotFound, to
	default:
		moved.Status = Refused
	}
	return moved, nil
}
