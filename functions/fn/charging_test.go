package fn_test

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// processor is an outside system that charges once per key, and keeps books of
// who asked with which key.
type processor struct {
	unknown int                                       // so many calls at first have no known outcome
	fail    error                                     // what an unknown outcome looks like
	before  func(ctx context.Context, call int) error // runs in each call
	settle  func(context.Context, fn.Tx, order) error // runs in each settle
	mu      sync.Mutex
	asked   []string
	charged map[string]int
}

// order is a frozen request.
type order struct{ Key string }

var errNoAnswer = errors.New("no answer from the processor")

func (p *processor) charge(ctx context.Context, o order) (string, error) {
	p.mu.Lock()
	p.asked = append(p.asked, o.Key)
	n, before := len(p.asked), p.before
	p.mu.Unlock()
	if before != nil {
		if err := before(ctx, n); err != nil {
			return "", err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= p.unknown {
		if p.fail != nil {
			return "", p.fail
		}
		return "", errNoAnswer
	}
	if p.charged == nil {
		p.charged = map[string]int{}
	}
	p.charged[o.Key]++
	return "ch_" + o.Key, nil
}

func (p *processor) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

// charging is a Remote function: it draws a key once, stores it, charges under
// it and marks the row.
func charging(p *processor) fn.Function {
	return fn.Function{Name: "payment", Handlers: []fn.Handler{fn.Remote(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) (fn.Plan[order], error) {
			var o order
			err := tx.QueryRow(ctx, `select note from probe.effect where event_id = $1`, in.ID).Scan(&o.Key)
			if !errors.Is(err, pgx.ErrNoRows) {
				return fn.Call(o), err
			}
			o.Key = uuid.NewString()
			return fn.Call(o), note(ctx, tx, in.ID, o.Key)
		},
		p.charge,
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated], o order, reference string) ([]events.Data, error) {
			if _, err := tx.Exec(ctx, `update probe.effect set note = note || ' settled' where event_id = $1`, in.ID); err != nil {
				return nil, err
			}
			if p.settle != nil {
				if err := p.settle(ctx, tx, o); err != nil {
					return nil, err
				}
			}
			return []events.Data{events.PaymentCaptured{
				PaymentID: in.Data.PaymentID, InvoiceID: in.Data.InvoiceID, AmountMinor: in.Data.AmountMinor,
				Currency: in.Data.Currency, Processor: "test", ProcessorReference: reference,
			}}, nil
		})}}
}
