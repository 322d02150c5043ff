package bench

import (
	"slices"
	"time"
)

// median of the values, 0 of none. Of an even number it is the lower one of the
// middle two: never better than what was measured.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// quantile is the duration that the part q of all durations does not exceed
// (nearest rank). The durations must be sorted.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// ratios divides two figures round by round.
func ratios(name string, wanted float64, of, by Figure) Ratio {
	r := Ratio{Name: name, Wanted: wanted}
	for i := range min(len(of.Rounds), len(by.Rounds)) {
		r.Rounds = append(r.Rounds, of.Rounds[i]/by.Rounds[i])
	}
	return r
}

// sum adds two figures round by round.
func sum(a, b Figure) Figure {
	total := Figure{Name: a.Name + " and " + b.Name, Unit: a.Unit}
	for i := range min(len(a.Rounds), len(b.Rounds)) {
		total.Rounds = append(total.Rounds, a.Rounds[i]+b.Rounds[i])
	}
	return total
}
