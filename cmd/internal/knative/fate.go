package knative

import (
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"time"
)

// A fate is what befalls one delivery.
type fate struct {
	fault     Fault         // Drop, Refuse, Disconnect, LoseAnswer, Crash, or none
	status    int           // to refuse with
	crash     time.Duration // after which to crash
	hold      time.Duration // before anything else
	duplicate bool
	later     time.Duration // between the first and the second delivery
	also      []Fault       // those of Duplicate, Reorder and Delay that apply
}

// named is the fault by which the journal calls the fate: the gravest.
func (f fate) named() Fault {
	if f.fault != "" || len(f.also) == 0 {
		return f.fault
	}
	return f.also[0]
}

// fate decides, from nothing but the seed and the delivery's own name: which
// goroutine comes first must not matter. attempt counts from 1.
func (w *Weather) fate(e event, consumer string, attempt int) fate {
	f := w.forecast.Load()
	if f == nil || f.Attempts > 0 && attempt > f.Attempts || slices.Contains(f.Spare, consumer) {
		return fate{}
	}
	d := newDice(f.Seed, e, consumer, attempt)
	// Every die is thrown every time, so that changing one probability does not
	// change what the others decide.
	which, detail := d.throw(), d.throw()
	duplicate, later := d.throw(), d.throw()
	reorder, window := d.throw(), d.throw()
	delay, late := d.throw(), d.throw()

	var out fate
	for _, p := range []struct {
		fault  Fault
		chance float64
	}{
		{Drop, f.Drop}, {Refuse, f.Refuse}, {Disconnect, f.Disconnect}, {LoseAnswer, f.LoseAnswer}, {Crash, f.Crash},
	} {
		if which < p.chance {
			out.fault = p.fault
			break
		}
		which -= p.chance
	}
	switch out.fault {
	case Refuse:
		out.status = []int{500, 502, 503, 504}[int(detail*4)]
	case Crash:
		out.crash = part(detail, f.CrashWithin)
	default: // the others need no detail
	}
	if duplicate < f.Duplicate {
		out.duplicate, out.later = true, part(later, f.DuplicateWithin)
		out.also = append(out.also, Duplicate)
	}
	if reorder < f.Reorder {
		out.hold += part(window, f.ReorderWindow)
		out.also = append(out.also, Reorder)
	}
	if delay < f.Delay {
		out.hold += part(late, f.DelayMax)
		out.also = append(out.also, Delay)
	}
	return out
}

func part(of1 float64, d time.Duration) time.Duration {
	return time.Duration(math.Ceil(of1 * float64(d)))
}

// dice throws numbers that depend only on what it was made from (splitmix64,
// started from an FNV hash).
type dice struct{ state uint64 }

func newDice(seed uint64, e event, consumer string, attempt int) *dice {
	h := fnv.New64a()
	for _, s := range []string{strconv.FormatUint(seed, 10), e.source, e.id, consumer, strconv.Itoa(attempt)} {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return &dice{h.Sum64()}
}

// throw is at least 0 and less than 1.
func (d *dice) throw() float64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / (1 << 53)
}
