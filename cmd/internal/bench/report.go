package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what a run found.
type Report struct {
	Machine  Machine
	Sections []Section
}

// Section is one part of a run.
type Section struct {
	Title  string
	Ratios []Ratio
	Raw    []Figure
	// Notes say what a reader must know to judge the figures, and what was
	// left out and why.
	Notes []string
}

// Ratio is one figure as a multiple of another of the same round.
type Ratio struct {
	Name   string
	Rounds []float64
	// Wanted is the least that will do; 0 when nothing is asked.
	Wanted float64
}

// Value is the median of the rounds.
func (r Ratio) Value() float64 { return median(r.Rounds) }

// Met says whether the ratio is what is wanted of it.
func (r Ratio) Met() bool { return r.Value() >= r.Wanted }

// Figure is one thing measured, once per round.
type Figure struct {
	Name   string
	Unit   string
	Rounds []float64
	// Under is the limit it has to stay under; 0 when there is none.
	Under float64
}

// Value is the median of the rounds.
func (f Figure) Value() float64 { return median(f.Rounds) }

// Met says whether the figure is under its limit.
func (f Figure) Met() bool { return f.Under == 0 || f.Value() < f.Under }

// Met says whether everything that was measured is as wanted.
func (r Report) Met() bool {
	for _, s := range r.Sections {
		if slices.ContainsFunc(s.Ratios, func(r Ratio) bool { return !r.Met() }) ||
			slices.ContainsFunc(s.Raw, func(f Figure) bool { return !f.Met() }) {
			return false
		}
	}
	return true
}

// Print writes the report as plain tables.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Machine)
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, ratio := range s.Ratios {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", ratio.Name, multiple(ratio.Value()),
				verdict(ratio.Met(), ratio.Wanted, "at least "+multiple(ratio.Wanted)), each(ratio.Rounds, multiple))
		}
		for _, f := range s.Raw {
			show := func(v float64) string { return amount(v, f.Unit) }
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", f.Name, show(f.Value()),
				verdict(f.Met(), f.Under, "under "+show(f.Under)), each(f.Rounds, show))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, note := range s.Notes {
			fmt.Fprintf(&b, "  * %s\n", note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func verdict(met bool, limit float64, wanted string) string {
	switch {
	case limit == 0:
		return ""
	case met:
		return "ok, wanted " + wanted
	}
	return "NOT MET, wanted " + wanted
}

// each lists the rounds when there are several.
func each(rounds []float64, show func(float64) string) string {
	if len(rounds) < 2 {
		return ""
	}
	parts := make([]string, len(rounds))
	for i, v := range rounds {
		parts[i] = show(v)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func multiple(v float64) string { return fmt.Sprintf("%.2fx", v) }

func amount(v float64, unit string) string {
	digits := 0
	if v < 100 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %s", digits, v, unit)
}
