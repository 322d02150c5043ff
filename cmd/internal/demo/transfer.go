package demo

import (
	"context"
	"fmt"

	"quittance.dev/client"
)

// Transfer plays the third journey: Ada gives part of what the bank gave her to
// Ben, and is told that she cannot give, nor take out, what she does not have.
func Transfer(ctx context.Context, o Options) (Result, error) {
	say, r := o.say(), Result{}
	people := map[string]person{}
	for _, name := range []string{"ada", "ben", "trude"} {
		var err error
		if people[name], err = o.as(name); err != nil {
			return r, err
		}
	}
	ada, ben, treasury := people["ada"], people["ben"], people["trude"]
	from, err := ada.current(ctx, "giver", customer("Ada Example", "ada", "+41790000001"))
	if err != nil {
		return r, err
	}
	to, err := ben.current(ctx, "taker", customer("Ben Example", "ben", "+41790000003"))
	if err != nil {
		return r, err
	}
	say("Ada, Ben and the treasury have signed in; Ada and Ben have current accounts")
	gift, err := treasury.BankTransaction(ctx, treasury.key("gift"), client.NewBankTransaction{
		DstAccountID: from, Amount: "100.00", Direction: client.Credit, Reason: "Welcome",
	})
	if err != nil {
		return r, err
	}
	if err := decided("the gift", gift.Body.Status, gift.Body.Reason, client.Succeeded); err != nil {
		return r, err
	}
	r.Gift = gift.Body.TransactionID
	say("the bank gives Ada 100.00 EUR")
	transfer := func(step string, wanted client.TransactionStatus, id *string) error {
		moved, err := ada.Transfer(ctx, ada.key(step), client.NewTransfer{
			SrcAccountID: from, DstAccountID: to, Amount: "60.00", Direction: client.Debit,
		})
		if err != nil {
			return err
		}
		*id = moved.Body.TransactionID
		return decided("the transfer", moved.Body.Status, moved.Body.Reason, wanted)
	}
	if err := transfer("transfer", client.Succeeded, &r.Transfer); err != nil {
		return r, err
	}
	say("Ada transfers 60.00 EUR to Ben, and has the answer at once")
	if err := transfer("too much", client.Fail, &r.Refused); err != nil {
		return r, err
	}
	say("another 60.00 EUR are refused: insufficient funds")
	asked, err := ada.Withdraw(ctx, ada.key("refused withdrawal"), client.Movement{AccountID: from, Amount: "50.00"})
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	op, err := ada.AwaitOperation(ctx, asked.Body.OperationID)
	if err == nil && op.Status != client.Failed {
		err = fmt.Errorf("a withdrawal of 50.00 from 40.00 is %s", op.Status)
	}
	if err != nil {
		return r, err
	}
	say("so is a withdrawal of 50.00 EUR")
	holds := func(p person, account string, want client.Amount) error {
		_, err := until(ctx, fmt.Sprintf("the balance is %s", want), of(p.GetBalance, account), func(b client.Balance) (bool, error) { return b.Balance == want, nil })
		return err
	}
	if err := holds(ada, from, "40.00"); err != nil {
		return r, err
	}
	if err := holds(ben, to, "60.00"); err != nil {
		return r, err
	}
	r.Final = []State{{"Ada's balance", "40.00 EUR"}, {"Ben's balance", "60.00 EUR"}, {"the withdrawal", string(op.Status) + ": " + op.Reason}}
	return r, nil
}

// current opens a current account for a new customer.
func (p person) current(ctx context.Context, step string, who client.NewCustomer) (string, error) {
	made, err := p.CreateCustomer(ctx, p.key(step), who)
	if err != nil {
		return "", err
	}
	account, err := p.OpenAccount(ctx, p.key(step+"'s account"), client.NewAccount{CustomerID: made.Body.CustomerID, Product: client.Current, Currency: "EUR"})
	return account.Body.AccountID, err
}

// decided tells whether a transaction ended as it must, with a reason if it failed.
func decided(what string, status client.TransactionStatus, reason string, wanted client.TransactionStatus) error {
	if status != wanted || (status == client.Fail) != (reason != "") {
		return fmt.Errorf("%s is %s %s, not %s", what, status, reason, wanted)
	}
	return nil
}
