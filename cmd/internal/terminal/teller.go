package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"quittance.dev/client"
)

// Withdrawal is one withdrawal and what became of it.
type Withdrawal struct {
	Account     string           `json:"account"` // its number, as it was asked for
	AccountID   string           `json:"account_id,omitempty"`
	Amount      string           `json:"amount"` // as it was asked for
	Currency    string           `json:"currency,omitempty"`
	Status      WithdrawalStatus `json:"status"`
	Reason      string           `json:"reason,omitempty"` // of the bank, when it refused
	OperationID string           `json:"operation_id,omitempty"`
	Balance     *client.Amount   `json:"balance,omitempty"` // after it
}

// String is the outcome in words.
func (w Withdrawal) String() string {
	switch w.Status {
	case Success:
		return fmt.Sprintf("Withdrawal of %s %s from account %s successful. New balance: %s %s.", w.Amount, w.Currency, w.Account, *w.Balance, w.Currency)
	case AccountNotFound:
		return fmt.Sprintf("Account %s not found.", w.Account)
	case InvalidAmount:
		return "Invalid withdrawal amount."
	case InsufficientFunds:
		return fmt.Sprintf("Insufficient funds for account %s.", w.Account)
	case Refused:
		return fmt.Sprintf("Withdrawal from account %s refused: %s.", w.Account, w.Reason)
	}
	return string(w.Status)
}

// Teller does what a customer asks for.
type Teller struct {
	Bank *client.Client
	Log  *slog.Logger // told of every outcome
}

// Accounts lists the customer's accounts, oldest first.
func (t Teller) Accounts(ctx context.Context) ([]client.Account, error) {
	list := []client.Account{}
	for a, err := range t.Bank.Accounts(ctx, client.AccountFilter{}) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// errNoAccount: the customer has no account of this number.
var errNoAccount = errors.New("account not found")

// account finds one of the customer's accounts by its number.
func (t Teller) account(ctx context.Context, number string) (client.Account, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return client.Account{}, errNoAccount
	}
	list, err := t.Bank.ListAccounts(ctx, client.AccountFilter{Number: &n}, client.Page{})
	if err != nil {
		return client.Account{}, err
	}
	if len(list.Accounts) == 0 {
		return client.Account{}, errNoAccount
	}
	return list.Accounts[0], nil
}

// AccountID is the id of the customer's account with this number, "" for no number.
func (t Teller) AccountID(ctx context.Context, number string) (string, error) {
	if number == "" {
		return "", nil
	}
	account, err := t.account(ctx, number)
	if errors.Is(err, errNoAccount) {
		return "", fmt.Errorf("Account %s not found.", number) //nolint:revive,staticcheck // the words of every command
	}
	return account.AccountID, err
}

// Withdraw takes money from the account of this number and waits until the ledger
// has decided. What the bank refuses is a status, not an error. An error that
// matches client.ErrUnknown asks for the same withdrawal under the same key.
func (t Teller) Withdraw(ctx context.Context, key client.Key, number, amount string) (Withdrawal, error) {
	w, err := t.withdraw(ctx, key, strings.TrimSpace(number), strings.TrimSpace(amount))
	pairs := []any{"account", w.Account, "amount", w.Amount, "account_id", w.AccountID, "operation_id", w.OperationID}
	if err != nil {
		t.Log.ErrorContext(ctx, "withdrawal", append(pairs, "error", err.Error())...)
		return w, err
	}
	t.Log.Log(ctx, w.Status.Level(), "withdrawal", append(pairs, "status", w.Status, "outcome", w.String())...)
	return w, nil
}

func (t Teller) withdraw(ctx context.Context, key client.Key, number, amount string) (Withdrawal, error) {
	w := Withdrawal{Account: number, Amount: amount}
	account, err := t.account(ctx, number)
	if errors.Is(err, errNoAccount) {
		w.Status = AccountNotFound
		return w, nil
	}
	if err != nil {
		return w, err
	}
	w.AccountID, w.Currency = account.AccountID, account.Currency
	if !isNumber(amount) {
		w.Status = InvalidAmount
		return w, nil
	}
	asked, err := t.Bank.Withdraw(ctx, key, client.Movement{AccountID: account.AccountID, Amount: client.Amount(amount)})
	if problem, ok := errors.AsType[*client.Problem](err); ok && !problem.Passes() {
		switch problem.Type {
		case client.InvalidAmount:
			w.Status = InvalidAmount
			return w, nil
		case client.NotFound:
			w.Status = AccountNotFound
			return w, nil
		default:
			return w, err
		}
	}
	if err != nil {
		return w, err
	}
	w.OperationID = asked.Body.OperationID
	bounded, cancel := context.WithTimeout(ctx, decision)
	defer cancel()
	op, err := t.Bank.AwaitOperation(bounded, w.OperationID)
	if err != nil { // the bank has it; the same key finds it again
		return w, &client.UnknownError{Key: key, Attempts: 1, Err: err}
	}
	w.settle(op)
	return w, nil
}

// decision is how long the ledger's decision is waited for.
const decision = 30 * time.Second

// isNumber tells whether an amount is a number at all; all else of it the bank judges.
func isNumber(amount string) bool {
	_, err := json.Marshal(client.Amount(amount))
	return err == nil
}

// settle takes over how the operation was decided.
func (w *Withdrawal) settle(op client.Operation) {
	w.Amount, w.Reason, w.Balance = string(op.Amount), op.Reason, op.BalanceAfter
	switch {
	case op.Status == client.Completed:
		w.Status = Success
	case op.Reason == client.InsufficientFunds:
		w.Status = InsufficientFunds
	default:
		w.Status = Refused
	}
}
