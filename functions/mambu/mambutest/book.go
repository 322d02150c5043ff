package mambutest

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// Account is a deposit account in the emulator.
type Account struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`    // Mambu's word; ACTIVE if empty
	Balance  string    `json:"balance"`  // total balance, a decimal number; 0 if empty
	Currency string    `json:"currency"` // EUR if empty
	ClosedAt time.Time `json:"closed_at,omitzero"`
}

func (a Account) withDefaults() (Account, error) {
	if a.State == "" {
		a.State = "ACTIVE"
	}
	if a.Balance == "" {
		a.Balance = "0"
	}
	if a.Currency == "" {
		a.Currency = "EUR"
	}
	if a.ID == "" || strings.ContainsAny(a.ID, "/:") {
		return a, fmt.Errorf("account id %q", a.ID)
	}
	if _, ok := new(big.Rat).SetString(a.Balance); !ok || strings.ContainsAny(a.Balance, "/eE") {
		return a, fmt.Errorf("balance %q is not a decimal number", a.Balance)
	}
	return a, nil
}

func (a Account) empty() bool {
	r, ok := new(big.Rat).SetString(a.Balance)
	return ok && r.Sign() == 0
}

// Closed is a CLOSE that was applied.
type Closed struct {
	At        time.Time `json:"at"`
	AccountID string    `json:"account_id"`
	Key       string    `json:"key"`
	Notes     string    `json:"notes"`
}

// Book is what the emulator knows, oldest first.
type Book struct {
	Accounts []Account             `json:"accounts"`
	Closes   []Closed              `json:"closes"`
	Attempts []outsidetest.Attempt `json:"attempts"`
}

// entry is one line of the journal; what happened together stands together.
type entry struct {
	Account *Account             `json:"account,omitempty"`
	Close   *Closed              `json:"close,omitempty"`
	Answer  *answered            `json:"answer,omitempty"`
	Attempt *outsidetest.Attempt `json:"attempt,omitempty"`
}

// answered is an answer kept under a key.
type answered struct {
	Key         string             `json:"key"`
	Fingerprint string             `json:"fingerprint"`
	Stored      outsidetest.Stored `json:"stored"`
}

// write puts an entry into the journal and then into effect. Hold e.mu.
func (e *Emulator) write(en entry) error {
	if err := e.journal.Write(en); err != nil {
		return err
	}
	return e.replay(en)
}

// replay gives an entry its effect, when it is written and when it is read
// back. Hold e.mu.
func (e *Emulator) replay(en entry) error {
	if a := en.Account; a != nil {
		e.accounts[a.ID] = *a
	}
	if c := en.Close; c != nil {
		a := e.accounts[c.AccountID]
		a.State, a.ClosedAt = "CLOSED", c.At
		e.accounts[c.AccountID] = a
		e.closes = append(e.closes, *c)
		e.clock.NotBefore(c.At)
	}
	if a := en.Answer; a != nil {
		e.keys.Restore(a.Key, a.Fingerprint, a.Stored)
	}
	if a := en.Attempt; a != nil {
		e.attempts = append(e.attempts, *a)
		e.clock.NotBefore(a.At)
	}
	return nil
}

// Put makes an account, or replaces one.
func (e *Emulator) Put(a Account) error {
	a, err := a.withDefaults()
	if err != nil {
		return err
	}
	e.mu.Lock()
	err = e.write(entry{Account: &a})
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return e.journal.Sync()
}

// Book gives a copy of the books.
func (e *Emulator) Book() Book {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := Book{
		Accounts: make([]Account, 0, len(e.accounts)),
		Closes:   append([]Closed{}, e.closes...),
		Attempts: append([]outsidetest.Attempt{}, e.attempts...),
	}
	for _, a := range e.accounts {
		b.Accounts = append(b.Accounts, a)
	}
	slices.SortFunc(b.Accounts, func(x, y Account) int { return strings.Compare(x.ID, y.ID) })
	return b
}

// Account gives one account, and whether there is one.
func (e *Emulator) Account(id string) (Account, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, ok := e.accounts[id]
	return a, ok
}
