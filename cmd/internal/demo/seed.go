package demo

import (
	"context"
	"fmt"

	"quittance.dev/client"
)

// seeded is what Ada's accounts hold at first, in euros and in their order.
var seeded = []client.Amount{"461.00", "996.00", "159.00", "952.00", "849.00"}

// Seed gives Ada five accounts with money in them, once: its keys are the same every
// time, so another Seed is the same requests again, which the bank has answered. In a
// bank without accounts theirs have the numbers 1 to 5.
func Seed(ctx context.Context, o Options) error {
	o.Run = "seed"
	ada, err := o.as("ada")
	if err != nil {
		return err
	}
	owner, err := ada.CreateCustomer(ctx, ada.key("customer"), customer("Ada Example", "ada", "+41790000001"))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	accounts := make([]string, len(seeded))
	for i := range seeded { // one after the other, so that they are numbered in this order
		opened, err := ada.OpenAccount(ctx, ada.key(fmt.Sprint("account ", i+1)), client.NewAccount{
			CustomerID: owner.Body.CustomerID, Product: client.Current, Currency: "EUR"})
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		accounts[i] = opened.Body.AccountID
	}
	for i, amount := range seeded {
		if _, err := o.operation(ctx, ada, fmt.Sprint("deposit ", i+1), ada.Deposit, client.Movement{AccountID: accounts[i], Amount: amount}); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	return nil
}
