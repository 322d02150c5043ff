package fntest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// The functions here are wrong on purpose, each in one way, but for the first
// of each kind: the suite must tell.

// books are those of an outside system that charges once per key.
type books struct {
	mu      sync.Mutex
	charged map[string]bool
}

func (b *books) charge(_ context.Context, key string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.charged[key] = true
	return key, nil
}

func (b *books) count() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(len(b.charged), " charges")
}

// outsider opens the database past the kernel. Set by setup, for functions that
// do what no room can.
type outsider struct{ pool *pgxpool.Pool }

// twin makes one function; wrong ones differ from the right ones in one line.
type twin struct {
	fails string // the part of the suite that must fail; empty for the right ones
	make  func(b *books, o *outsider) fn.Function
	send  func() []events.Data // default: one payment
	order bool
}

func effect(ctx context.Context, tx fn.Tx, id, note string) error {
	_, err := tx.Exec(ctx, `insert into probe.effect (event_id, note) values ($1, $2)`, id, note)
	return err
}

func payment() events.PaymentSubmitted {
	return events.PaymentSubmitted{PaymentID: fn.DeriveID("p"), InvoiceID: fn.DeriveID("i"), AmountMinor: 5, Currency: "EUR"}
}

type local = func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error)

func validation(apply local) fn.Function {
	return fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(apply)}}
}

// charging charges under the key that prepare gives.
func charging(b *books, prepare func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) (fn.Plan[string], error)) fn.Function {
	return fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Remote(prepare, b.charge,
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted], _, _ string) ([]events.Data, error) {
			return []events.Data{events.PaymentValidated(in.Data)}, effect(ctx, tx, in.ID, "charged")
		})}}
}

var twins = map[string]twin{
	"right, local": {
		make: func(*books, *outsider) fn.Function {
			return validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				return []events.Data{events.PaymentValidated(in.Data)}, effect(ctx, tx, in.ID, "applied")
			})
		},
		order: true,
	},
	"right, remote": {
		make: func(b *books, _ *outsider) fn.Function {
			return charging(b, func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) (fn.Plan[string], error) {
				return fn.Call("key of " + in.ID), nil
			})
		},
	},
	"forgets that events come twice": {
		// A sink claims nothing; this one has no unique key of its own either.
		fails: "F01 a second delivery changes nothing",
		make: func(*books, *outsider) fn.Function {
			return fn.Function{Name: "dead-letter", Handlers: []fn.Handler{fn.Sink(
				func(ctx context.Context, tx fn.Tx, l fn.Letter) ([]events.Data, error) {
					return nil, effect(ctx, tx, l.ID, "again")
				})}}
		},
	},
	"remembers in memory": {
		fails: "F07-F10 dies once at each before-commit",
		make: func(*books, *outsider) fn.Function {
			seen := map[string]bool{}
			return validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				if seen[in.ID] {
					return nil, nil
				}
				seen[in.ID] = true
				return nil, effect(ctx, tx, in.ID, "applied")
			})
		},
	},
	"calls inside a transaction": {
		fails: "no outside call is made inside a transaction",
		make: func(b *books, _ *outsider) fn.Function {
			return validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				if _, err := b.charge(ctx, "key of "+in.ID); err != nil {
					return nil, err
				}
				return nil, effect(ctx, tx, in.ID, "charged")
			})
		},
	},
	"calls in prepare": {
		fails: "no outside call is made inside a transaction",
		make: func(b *books, _ *outsider) fn.Function {
			return charging(b, func(ctx context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) (fn.Plan[string], error) {
				key, err := b.charge(ctx, "key of "+in.ID)
				return fn.Call(key), err
			})
		},
	},
	"draws a fresh key for each attempt": {
		fails: "F07-F10 dies once at each after-call",
		make: func(b *books, _ *outsider) fn.Function {
			return charging(b, func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) (fn.Plan[string], error) {
				return fn.Call(uuid.NewString()), nil
			})
		},
	},
	"leaves rows behind when it fails": {
		fails: "F11 a commit that fails is never a success",
		make: func(_ *books, o *outsider) fn.Function {
			return validation(func(ctx context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				_, err := o.pool.Exec(ctx, `insert into probe.effect (event_id, note) values ($1, 'beside the transaction')`, in.ID)
				return nil, err
			})
		},
	},
	"says random ids": {
		fails: "F02 twenty deliveries at once have one effect",
		make: func(*books, *outsider) fn.Function {
			return validation(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				in.Data.PaymentID = uuid.NewString()
				return []events.Data{events.PaymentValidated(in.Data)}, nil
			})
		},
	},
	"reads its own clock": {
		fails: "F02 twenty deliveries at once have one effect",
		make: func(*books, *outsider) fn.Function {
			return validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				return nil, effect(ctx, tx, in.ID, time.Now().String())
			})
		},
	},
	"depends on the order": {
		fails: "F03 the other way round it ends the same",
		make: func(*books, *outsider) fn.Function {
			return validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				_, err := tx.Exec(ctx, `update probe.last set amount = $1`, in.Data.AmountMinor)
				return nil, err
			})
		},
		send: func() []events.Data {
			one, two := payment(), payment()
			two.AmountMinor++
			return []events.Data{one, two}
		},
		order: true,
	},
	"does nothing": {
		fails: "have no effect",
		make: func(*books, *outsider) fn.Function {
			return fn.Function{Name: "dead-letter", Handlers: []fn.Handler{fn.Sink(
				func(context.Context, fn.Tx, fn.Letter) ([]events.Data, error) { return nil, nil })}}
		},
	},
	"has a subject that leaves a type out": {
		fails: "sends no dev.quittance.invoice.paid.v1",
		make: func(*books, *outsider) fn.Function {
			f := validation(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
				return nil, effect(ctx, tx, in.ID, "applied")
			})
			f.Handlers = append(f.Handlers, fn.Local(func(context.Context, fn.Tx, fn.In[events.InvoicePaid]) ([]events.Data, error) { return nil, nil }))
			return f
		},
	},
}

// subject has Conformance run a twin.
func (tw twin) subject() fntest.Subject {
	o := &outsider{}
	send := []events.Data{payment()}
	if tw.send != nil {
		send = tw.send()
	}
	return fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) {
			b := &books{charged: map[string]bool{}}
			return tw.make(b, o), b.count
		},
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			o.pool = owner
			for _, sql := range []string{
				`create schema probe`, `grant usage on schema probe to public`,
				`create table probe.effect (event_id text not null, note text not null)`,
				`create table probe.last (amount bigint not null)`, `insert into probe.last values (0)`,
				`grant select, insert, update on probe.effect, probe.last to public`,
			} {
				_, err := owner.Exec(context.Background(), sql)
				require.NoError(t, err)
			}
		},
		Events:   send,
		AnyOrder: tw.order,
	}
}
