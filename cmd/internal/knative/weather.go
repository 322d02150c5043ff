package knative

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Fault is one kind of bad weather.
type Fault string

// What can happen to a delivery. The consumer is a function, or a Broker when a
// producer posts to it.
const (
	// Drop answers 202 and delivers nothing: the event is gone, and nobody knows.
	Drop Fault = "drop"
	// Refuse answers 500, 502, 503 or 504 before the consumer has seen the event.
	Refuse Fault = "refuse"
	// Disconnect cuts the connection before the consumer has seen the event.
	Disconnect Fault = "disconnect"
	// LoseAnswer lets the consumer finish, then cuts the connection instead of
	// passing the answer on: success, and nobody knows.
	LoseAnswer Fault = "lose-answer"
	// Crash cancels the consumer's context in the midst of its work and cuts the
	// connection.
	Crash Fault = "crash"
	// Duplicate delivers the event once more, while or after the first delivery
	// is answered. The second answer is thrown away.
	Duplicate Fault = "duplicate"
	// Reorder holds a delivery back, so that later events overtake it.
	Reorder Fault = "reorder"
	// Delay makes a delivery late.
	Delay Fault = "delay"
)

var faults = []Fault{Drop, Refuse, Disconnect, LoseAnswer, Crash, Duplicate, Reorder, Delay}

// Forecast says how often what happens, as probabilities per delivery from 0 to
// 1. At most one of Drop, Refuse, Disconnect, LoseAnswer and Crash befalls a
// delivery, so they add up to 1 at most; the others come on top. The zero
// Forecast is calm.
type Forecast struct {
	// Seed decides everything: with the same seed, the n-th delivery of an event
	// to a consumer meets the same fate in every run.
	Seed uint64

	Drop, Refuse, Disconnect, LoseAnswer, Crash float64

	Duplicate float64
	// DuplicateWithin bounds how long after the first the second delivery starts.
	DuplicateWithin time.Duration

	Reorder       float64
	ReorderWindow time.Duration // a delivery is held for up to this long

	Delay    float64
	DelayMax time.Duration // a late delivery is late by up to this

	// CrashWithin bounds how long a consumer works before it crashes.
	CrashWithin time.Duration

	// Attempts spares an event that has come to a consumer this many times
	// already, so that it gets through in the end. Zero spares none.
	Attempts int
	// Spare names services and Brokers over which the sky is always clear.
	Spare []string
}

// Weather decides what befalls deliveries and counts it. The zero value is calm.
// It may be changed while events are under way.
type Weather struct {
	forecast atomic.Pointer[Forecast]
	counts   [8]atomic.Int64 // in the order of faults
}

// Set changes the weather from the next delivery on.
func (w *Weather) Set(f Forecast) error {
	exclusive := 0.0
	for _, p := range []struct {
		fault  Fault
		chance float64
		within time.Duration // 1 where none is needed
	}{
		{Drop, f.Drop, 1}, {Refuse, f.Refuse, 1}, {Disconnect, f.Disconnect, 1},
		{LoseAnswer, f.LoseAnswer, 1}, {Crash, f.Crash, f.CrashWithin},
		{Duplicate, f.Duplicate, f.DuplicateWithin}, {Reorder, f.Reorder, f.ReorderWindow}, {Delay, f.Delay, f.DelayMax},
	} {
		if !(p.chance >= 0 && p.chance <= 1) { // NaN too
			return fmt.Errorf("weather: %s: %v is not a probability", p.fault, p.chance)
		}
		if p.chance > 0 && p.within <= 0 {
			return fmt.Errorf("weather: %s needs a time within which it happens", p.fault)
		}
		if slices.Index(faults, p.fault) < slices.Index(faults, Duplicate) {
			exclusive += p.chance
		}
	}
	if exclusive > 1+1e-9 {
		return fmt.Errorf("weather: drop, refuse, disconnect, lose-answer and crash add up to %v: more than 1", exclusive)
	}
	f.Spare = slices.Clone(f.Spare)
	w.forecast.Store(&f)
	return nil
}

// Calm ends all faults. Deliveries that were held back or doubled still arrive.
func (w *Weather) Calm() { w.forecast.Store(nil) }

// Counts tells how often each fault has happened since the start.
func (w *Weather) Counts() map[Fault]int64 {
	counts := make(map[Fault]int64, len(faults))
	for i, f := range faults {
		counts[f] = w.counts[i].Load()
	}
	return counts
}

func (w *Weather) active() bool { return w.forecast.Load() != nil }

func (w *Weather) count(f Fault) { w.counts[slices.Index(faults, f)].Add(1) }
