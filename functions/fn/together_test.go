package fn_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// ledger hears two types together, and tells what each call of apply saw.
func ledger(calls chan<- []string, poison string) fn.Function {
	return fn.Function{Name: "ledger-posting", Handlers: fn.Together(
		func(ctx context.Context, tx fn.Tx, ins []fn.In[events.Data]) ([][]events.Data, error) {
			var seen []string
			for _, in := range ins {
				seen = append(seen, in.ID)
			}
			calls <- seen
			said := make([][]events.Data, len(ins))
			for i, in := range ins {
				if in.ID == poison {
					return nil, errors.New("poison")
				}
				switch d := in.Data.(type) {
				case events.DepositRequested:
					said[i] = []events.Data{events.DepositRejected{OperationID: d.OperationID, AccountID: d.AccountID,
						AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: events.AccountNotFound}}
				case events.WithdrawalRequested:
					if poison == "short" {
						return nil, nil
					}
				default:
					return nil, fmt.Errorf("not heard: %T", d)
				}
				if err := note(ctx, tx, in.ID, string(in.Data.Type())); err != nil {
					return nil, err
				}
			}
			return said, nil
		}, fn.Hear[events.DepositRequested](), fn.Hear[events.WithdrawalRequested]())}
}

func mixed(n int) (all []fn.Envelope) {
	for i := range n {
		operation, account := fn.DeriveID("operation", fmt.Sprint(i)), fn.DeriveID("account")
		var d events.Data = events.DepositRequested{OperationID: operation, AccountID: account, AmountMinor: 1, Currency: "EUR"}
		if i%2 == 1 {
			d = events.WithdrawalRequested{OperationID: operation, AccountID: account, AmountMinor: 1, Currency: "EUR"}
		}
		all = append(all, fntest.As(operation, d))
	}
	return all
}

// TestTogether: events of several types are seen by one call.
func TestTogether(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		poison func([]fn.Envelope) string
		want   map[int]int
		done   int
	}{
		"all well":      {func([]fn.Envelope) string { return "" }, map[int]int{200: 20}, 20},
		"one poison":    {func(all []fn.Envelope) string { return all[7].ID }, map[int]int{200: 19, 503: 1}, 19},
		"short answers": {func([]fn.Envelope) string { return "short" }, map[int]int{200: 10, 422: 10}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, busy, all := newRig(t), newGate(), mixed(20)
			calls := make(chan []string, 1000)
			f := ledger(calls, tt.poison(all))
			require.ElementsMatch(t, []events.Type{events.TypeDepositRequested, events.TypeWithdrawalRequested}, f.Hears())
			door := r.open(f, fn.Options{})
			go func() { // keeps the group busy until the others have come
				_, _ = door.Host.Transact(context.Background(), "busy", "", func(context.Context, fn.Tx) ([]events.Data, error) { busy.pass(); return nil, nil })
			}()
			busy.waitFor(t, 1)
			var a answers
			for _, e := range all {
				a.post(t, door, e)
			}
			require.Never(t, func() bool { return len(calls) > 0 }, 300*time.Millisecond, 50*time.Millisecond)
			busy.open()
			a.require(t, tt.want)
			first := <-calls
			require.Greater(t, len(first), 10, "most came in time for the first call")
			require.Equal(t, tt.done, r.count(`from probe.effect`))
			require.Equal(t, tt.done, r.count(`from delivery.idempotency where state = 'done'`))
			require.Equal(t, 10, r.count(`from delivery.outbox`), "every deposit has its answer")
		})
	}
}

// TestNoWorkForThoseWhoLeft: a group that failed as a whole is taken apart only
// for callers that still wait; otherwise one slow transaction would be followed
// by as many as there were members.
func TestNoWorkForThoseWhoLeft(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	var calls atomic.Int64
	door := r.open(function("validation", c.arriving(fn.Batch(
		func(ctx context.Context, _ fn.Tx, ins []fn.In[events.PaymentSubmitted]) ([][]events.Data, error) {
			calls.Add(1)
			for _, in := range ins {
				c.hold(in.ID)
			}
			if ins[0].ID == c.first.ID {
				return make([][]events.Data, len(ins)), nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}))), fn.Options{Deadline: time.Second})
	c.post(t, door, many(20), map[int]int{http.StatusServiceUnavailable: 20})
	door.Host.Close()
	require.LessOrEqual(t, calls.Load(), int64(4), "the first, the group, perhaps latecomers")
	r.holds(0, 1, 0)
}
