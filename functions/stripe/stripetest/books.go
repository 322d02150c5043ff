package stripetest

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// Intent is a PaymentIntent in the books.
type Intent struct {
	ID            string            `json:"id"`
	At            time.Time         `json:"at"`
	Amount        int64             `json:"amount"` // as Stripe counts
	Currency      string            `json:"currency"`
	PaymentMethod string            `json:"payment_method,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Status        string            `json:"status"`
	Charge        string            `json:"charge,omitempty"` // the latest
	Declined      *decline          `json:"declined,omitempty"`

	// Of a late payment: how it will end, and when by itself; zero for when told.
	SettleAs string    `json:"settle_as,omitempty"`
	SettleAt time.Time `json:"settle_at,omitzero"`
}

// Charge is one attempt to take money.
type Charge struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Intent   string    `json:"intent"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
	Status   string    `json:"status"` // succeeded, pending, failed
}

// Event is a webhook to be sent.
type Event struct {
	ID        string          `json:"id"`
	At        time.Time       `json:"at"`
	Type      string          `json:"type"`
	Intent    string          `json:"intent"`
	Object    json.RawMessage `json:"object"` // the intent as it was
	Delivered int             `json:"delivered"`
	GivenUp   bool            `json:"given_up,omitempty"`
}

// Books are what the processor knows, for a test or an operator to compare with ours.
type Books struct {
	Intents []Intent `json:"intents"` // oldest first
	Charges []Charge `json:"charges"`
	Events  []Event  `json:"events"`
	Replays int      `json:"replays"` // answers given again for a key
}

// Captured counts the charges that took money for a payment of ours.
func (b Books) Captured(paymentID string) int {
	n := 0
	for _, c := range b.Charges {
		i := slices.IndexFunc(b.Intents, func(i Intent) bool { return i.ID == c.Intent })
		if c.Status == "succeeded" && i >= 0 && b.Intents[i].Metadata["payment_id"] == paymentID {
			n++
		}
	}
	return n
}

// entry is one line of the book: everything that changed in one step, so that a crash leaves all
// of it or nothing.
type entry struct {
	At        time.Time `json:"at"`
	Intent    *Intent   `json:"intent,omitempty"`
	Charge    *Charge   `json:"charge,omitempty"`
	Event     *Event    `json:"event,omitempty"`
	Key       *keyLine  `json:"key,omitempty"`
	Forgotten bool      `json:"keys_forgotten,omitempty"`
}

type keyLine struct {
	Key         string             `json:"key"`
	Fingerprint string             `json:"fingerprint"`
	Answer      outsidetest.Stored `json:"answer"`
}

type books struct {
	intents map[string]Intent
	order   []string // intents, oldest first
	charges map[string]Charge
	charged []string
	events  map[string]Event
	said    []string
	keys    map[string]bool
	replays int
}

func newBooks() books {
	return books{intents: map[string]Intent{}, charges: map[string]Charge{}, events: map[string]Event{}, keys: map[string]bool{}}
}

// commit writes a line and makes it so. The caller holds e.mu, and calls e.journal.Sync without it
// before it answers.
func (e *Emulator) commit(line entry) error {
	if err := e.journal.Write(line); err != nil {
		return err
	}
	e.apply(line)
	return nil
}

func (e *Emulator) apply(line entry) {
	b := &e.books
	if i := line.Intent; i != nil {
		if _, have := b.intents[i.ID]; !have {
			b.order = append(b.order, i.ID)
		}
		b.intents[i.ID] = *i
	}
	if c := line.Charge; c != nil {
		if _, have := b.charges[c.ID]; !have {
			b.charged = append(b.charged, c.ID)
		}
		b.charges[c.ID] = *c
	}
	if v := line.Event; v != nil {
		if _, have := b.events[v.ID]; !have {
			b.said = append(b.said, v.ID)
		}
		b.events[v.ID] = *v
	}
	if k := line.Key; k != nil {
		b.keys[k.Key] = true
		e.keys.Restore(k.Key, k.Fingerprint, k.Answer)
	}
	if line.Forgotten {
		for key := range b.keys {
			e.keys.Forget(key)
		}
		clear(b.keys)
	}
}

// Books gives a copy of the books.
func (e *Emulator) Books() Books {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := Books{Intents: []Intent{}, Charges: []Charge{}, Events: []Event{}, Replays: e.books.replays}
	for _, id := range e.books.order {
		intent := e.books.intents[id]
		intent.Metadata = maps.Clone(intent.Metadata)
		out.Intents = append(out.Intents, intent)
	}
	for _, id := range e.books.charged {
		out.Charges = append(out.Charges, e.books.charges[id])
	}
	for _, id := range e.books.said {
		out.Events = append(out.Events, e.books.events[id])
	}
	return out
}

// unsettled are the late payments that end by themselves.
func (e *Emulator) unsettled() (late []Intent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, intent := range e.books.intents {
		if !intent.SettleAt.IsZero() {
			late = append(late, intent)
		}
	}
	slices.SortFunc(late, func(a, b Intent) int { return a.SettleAt.Compare(b.SettleAt) })
	return late
}

// undelivered are the events that are still to be sent, oldest first.
func (e *Emulator) undelivered() (events []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range e.books.said {
		if event := e.books.events[id]; event.Delivered == 0 && !event.GivenUp {
			events = append(events, event)
		}
	}
	return events
}

// ForgetKeys drops every idempotency key, as Stripe may after a day.
func (e *Emulator) ForgetKeys() error {
	e.mu.Lock()
	err := e.commit(entry{At: e.clock.Now(), Forgotten: true})
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return e.journal.Sync()
}
