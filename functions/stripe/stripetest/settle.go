package stripetest

import (
	"context"
	"sync"
	"time"
)

// timer ends late payments when their time has come.
type timer struct {
	e      *Emulator
	poke   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newTimer(e *Emulator) *timer {
	t := &timer{e: e, poke: make(chan struct{}, 1)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.done.Go(t.run)
	return t
}

func (t *timer) close() {
	t.cancel()
	t.done.Wait()
}

func (t *timer) wake() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

func (t *timer) run() {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.poke:
		case <-alarm.C:
		}
		alarm.Reset(t.round())
	}
}

// round settles what is due and says how long until the next.
func (t *timer) round() time.Duration {
	now, wait := t.e.clock.Now(), time.Hour
	for _, i := range t.e.unsettled() {
		if left := i.SettleAt.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if err := t.e.Settle(i.ID, i.ending()); err != nil {
			t.e.log.Error("stripe emulator cannot settle", "intent", i.ID, "error", err)
		}
	}
	return wait
}

// ending is the decline code that a late payment ends with; "" for success.
func (i Intent) ending() string {
	if i.SettleAs == codeLateFailure {
		return "insufficient_funds"
	}
	return ""
}

// SettleAll ends every payment that is processing, as it was meant to end, and gives their number.
func (e *Emulator) SettleAll() (int, error) {
	n := 0
	for _, i := range e.Books().Intents {
		if i.Status != "processing" {
			continue
		}
		if err := e.Settle(i.ID, i.ending()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
