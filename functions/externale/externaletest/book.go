package externaletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// Account is an account in the emulator; open while ClosedAt is zero.
type Account struct {
	ID        string    `json:"account_id"`
	ClosureID string    `json:"closure_id,omitempty"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
}

// Closed is a closure that was applied.
type Closed struct {
	At        time.Time `json:"at"`
	AccountID string    `json:"account_id"`
	ClosureID string    `json:"closure_id"`
	Key       string    `json:"key"`
	Reason    string    `json:"reason"`
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
		e.accounts[c.AccountID] = Account{ID: c.AccountID, ClosureID: c.ClosureID, ClosedAt: c.At}
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

// Put makes an open account, or opens a closed one again.
func (e *Emulator) Put(id string) error {
	if id == "" || strings.Contains(id, "/") {
		return fmt.Errorf("account id %q", id)
	}
	e.mu.Lock()
	err := e.write(entry{Account: &Account{ID: id}})
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
