package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Options say what is measured and for how long. The zero value measures
// everything.
type Options struct {
	// Postings, Transfers, Journeys, Reports and Sizes choose the parts; none chosen
	// means all.
	Postings, Transfers, Journeys, Reports, Sizes bool
	// Rounds of each measurement; default 3.
	Rounds int
	// Duration of one measurement; default 10 s.
	Duration time.Duration
	// Scale of pgbench's TPC-B; default 50, which is 5 million accounts.
	Scale int
	// Pairs is how many journeys of each kind one measurement plays; default 200.
	Pairs int
	// Root is the root of the source tree: the manifests are read from it and
	// the binaries built in it. Default: the current folder.
	Root string
	// Dir is where the data go, in a folder of their own that is removed at the
	// end. It must be on a real disk: a commit that costs nothing proves
	// nothing. Default: the system's temporary folder.
	Dir string
	// ProfileDir takes CPU profiles of the measured process (pprof); empty
	// means none.
	ProfileDir string
	// Progress is told what is being done; nil means nobody is.
	Progress io.Writer
}

func (o Options) withDefaults() Options {
	if !o.Postings && !o.Transfers && !o.Journeys && !o.Reports && !o.Sizes {
		o.Postings, o.Transfers, o.Journeys, o.Reports, o.Sizes = true, true, true, true, true
	}
	if o.Rounds == 0 {
		o.Rounds = 3
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Scale == 0 {
		o.Scale = 50
	}
	if o.Pairs == 0 {
		o.Pairs = 200
	}
	if o.Root == "" {
		o.Root = "."
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

func (o Options) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Progress, format+"\n", args...) // a lost line of progress is no reason to stop
}

// Run measures and returns what it found. An error means that something could
// not be measured at all, or that the books do not agree with what was
// answered; the report then holds what was measured before.
func Run(ctx context.Context, o Options) (r Report, err error) {
	o = o.withDefaults()
	dir, err := os.MkdirTemp(o.Dir, "quittance-bench-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.Machine = look(dir)
	defer func() { r.Machine.LoadAfter = load() }()
	for _, part := range []struct {
		wanted bool
		run    func(context.Context, Options, string) (Section, error)
	}{{o.Postings, postings}, {o.Transfers, transfers}, {o.Journeys, journeys}, {o.Reports, reports}, {o.Sizes, sizes}} {
		if !part.wanted {
			continue
		}
		section, err := part.run(ctx, o, dir)
		r.Sections = append(r.Sections, section)
		if err != nil {
			return r, fmt.Errorf("%s: %w", section.Title, err)
		}
	}
	return r, nil
}
