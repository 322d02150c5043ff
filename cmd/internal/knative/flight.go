package knative

import (
	"context"
	"sync"
)

// flight counts what is under way, so that Close can wait for it.
type flight struct {
	ctx    context.Context // of work that outlives its request
	cancel context.CancelFunc

	mu     sync.RWMutex
	closed bool
	active sync.WaitGroup
}

func newFlight(ctx context.Context) *flight {
	f := &flight{}
	f.ctx, f.cancel = context.WithCancel(ctx)
	return f
}

// begin reports false after the flight has been closed.
func (f *flight) begin() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.closed {
		f.active.Add(1)
	}
	return !f.closed
}

func (f *flight) end() { f.active.Done() }

// run starts work in a goroutine of its own, unless it is too late.
func (f *flight) run(work func()) {
	if f.begin() {
		go func() {
			defer f.end()
			work()
		}()
	}
}

// close cancels the work that outlives its request, and waits for all.
func (f *flight) close(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.active.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
