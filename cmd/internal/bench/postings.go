package bench

import (
	"context"
	"fmt"
	"time"
)

// clients is how many callers post events at a time.
const clients = 64

// wantedPostings is the least that the ledger's door must do, as a multiple of
// pgbench's TPC-B.
const wantedPostings = 2.0

// postings measures the ledger behind its door.
func postings(ctx context.Context, o Options, dir string) (s Section, err error) {
	s.Title = fmt.Sprintf("Ledger postings through the whole door, %d clients (event over HTTP in, idempotency, double entry, outbox, durable commit, 2xx out)", clients)
	o.say("postings: starting Postgres and the ledger function")
	l, err := openLedger(ctx, dir)
	if err != nil {
		return s, err
	}
	defer func() { err = joinClose(err, l.close) }()
	o.say("postings: filling %d accounts through the door, and pgbench's tables at scale %d", ledgerAccounts, o.Scale)
	p, err := preparePgbench(ctx, l.postgres, o.Scale, dir)
	if err != nil {
		return s, err
	}
	if err := l.fill(ctx); err != nil {
		return s, err
	}
	tpcb := Figure{Name: "pgbench TPC-B, 16 clients, prepared", Unit: "tx/s"}
	keyed := Figure{Name: "minimal keyed transfer by pgbench, 16 clients, prepared", Unit: "tx/s"}
	random := doorFigures("random accounts")
	hot := doorFigures("one hot account in every posting")
	for round := range o.Rounds {
		o.say("postings: round %d of %d", round+1, o.Rounds)
		for _, step := range []func() error{
			func() error { return l.quiet(ctx) },
			func() error { return tpcb.measure(func() (float64, error) { return p.tpcb(ctx, o.Duration) }) },
			func() error { return l.quiet(ctx) },
			func() error { return random.measure(ctx, l, everyAccount, o, "postings-random", round) },
			func() error { return l.quiet(ctx) },
			func() error { return keyed.measure(func() (float64, error) { return p.keyed(ctx, o.Duration) }) },
			func() error { return l.quiet(ctx) },
			func() error { return hot.measure(ctx, l, oneAccount, o, "postings-hot", round) },
		} {
			if err := step(); err != nil {
				return s, err
			}
		}
	}
	s.Ratios = []Ratio{
		ratios("postings / TPC-B", wantedPostings, random.rate, tpcb),
		ratios("postings / minimal keyed transfer", 0, random.rate, keyed),
		ratios("postings on one hot account / TPC-B", 0, hot.rate, tpcb),
	}
	s.Raw = []Figure{tpcb, keyed, random.rate, random.p50, random.p99, hot.rate, hot.p50, hot.p99}
	books, err := l.verify(ctx)
	s.Notes = []string{
		books,
		fmt.Sprintf("%d accounts; shared_buffers %d MB; the callers and pgbench share the cores with what they measure", ledgerAccounts, sharedBuffersMB),
	}
	return s, err
}

// measure adds one round.
func (f *Figure) measure(run func() (float64, error)) error {
	v, err := run()
	if err != nil {
		return err
	}
	f.Rounds = append(f.Rounds, v)
	return nil
}

// door is what is measured of the ledger's door.
type door struct{ rate, p50, p99 Figure }

func doorFigures(what string) door {
	return door{
		rate: Figure{Name: "postings, " + what, Unit: "postings/s"},
		p50:  Figure{Name: "  half of them answered within", Unit: "ms"},
		p99:  Figure{Name: "  99 % of them answered within", Unit: "ms"},
	}
}

func (d *door) measure(ctx context.Context, l *ledgerDoor, choose accounts, o Options, name string, round int) error {
	stop, err := profile(o.ProfileDir, fmt.Sprintf("%s-%d", name, round+1))
	if err != nil {
		return err
	}
	run, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	answers, err := l.load(ctx, choose, func() bool { return run.Err() == nil })
	if err := stop(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	d.rate.Rounds = append(d.rate.Rounds, perSecond(len(answers.took), answers.elapsed))
	d.p50.Rounds = append(d.p50.Rounds, milliseconds(quantile(answers.took, 0.50)))
	d.p99.Rounds = append(d.p99.Rounds, milliseconds(quantile(answers.took, 0.99)))
	return nil
}

// answers are what one measurement got: how long each 2xx took, sorted, and how
// long all of it did.
type answers struct {
	took    []time.Duration
	elapsed time.Duration
}
