package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// clients is how many callers post events at a time.
const clients = 64

// readyPerSecond is how many requests each of them writes in advance for a second of a
// measurement.
const readyPerSecond = 250

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
	if err := l.settle(ctx); err != nil {
		return s, err
	}
	tpcb := work{
		rate:   Figure{Name: "pgbench TPC-B, 16 clients, prepared", Unit: "tx/s"},
		driver: Figure{Name: "  processor time of each: pgbench", Unit: "us"},
		server: Figure{Name: "  processor time of each: Postgres", Unit: "us"},
	}
	keyed := tpcb
	keyed.rate.Name = "minimal keyed transfer by pgbench, 16 clients, prepared"
	random, hot := doorWork("random accounts"), doorWork("one hot account in every posting")
	books := ""
	defer func() { // also of what was measured before an error
		s.Ratios = []Ratio{
			ratios("postings / TPC-B", wantedPostings, random.rate, tpcb.rate),
			ratios("postings / minimal keyed transfer", 0, random.rate, keyed.rate),
			ratios("postings on one hot account / TPC-B", 0, hot.rate, tpcb.rate),
			ratios("processor time, all together: TPC-B / posting", 0, sum(tpcb.driver, tpcb.server), sum(random.driver, random.server)),
		}
		for _, w := range []work{tpcb, keyed, random.work, hot.work} {
			s.Raw = append(s.Raw, w.rate, w.driver, w.server)
		}
		s.Raw = append(s.Raw, random.p50, random.p99, hot.p50, hot.p99)
		s.Notes = []string{
			fmt.Sprintf("%d accounts; shared_buffers %d MB; the callers and pgbench share the cores with what they measure; the callers' requests are written before", ledgerAccounts, sharedBuffersMB),
			books,
		}
	}()
	for round := range o.Rounds {
		o.say("postings: round %d of %d", round+1, o.Rounds)
		for _, step := range []func() error{
			func() error { return tpcb.pgbench(ctx, l, o, p.tpcb) },
			func() error { return random.measure(ctx, l, everyAccount, o, "postings-random", round) },
			func() error { return keyed.pgbench(ctx, l, o, p.keyed) },
			func() error { return hot.measure(ctx, l, oneAccount, o, "postings-hot", round) },
		} {
			if err := step(); err != nil {
				return s, err
			}
		}
	}
	books, err = l.verify(ctx)
	return s, err
}

// work is how much of one kind was done, and what each piece cost the
// processors: a figure that others who keep the machine busy blur less.
type work struct{ rate, driver, server Figure }

func (w *work) add(rate float64, count int, driver, server time.Duration) {
	w.rate.Rounds = append(w.rate.Rounds, rate)
	w.driver.Rounds = append(w.driver.Rounds, microsecondsEach(driver, count))
	w.server.Rounds = append(w.server.Rounds, microsecondsEach(server, count))
}

func (w *work) pgbench(ctx context.Context, l *ledgerDoor, o Options, run func(context.Context, time.Duration) (transactions, error)) error {
	before := family(l.postgres.Pid())
	t, err := run(ctx, o.Duration)
	if err != nil {
		return err
	}
	w.add(t.rate, t.count, t.took, family(l.postgres.Pid())-before)
	return nil
}

// door is what is measured of the ledger's door.
type door struct {
	work
	p50, p99 Figure
}

func doorWork(what string) door {
	return door{
		work: work{
			rate:   Figure{Name: "postings, " + what, Unit: "postings/s"},
			driver: Figure{Name: "  processor time of each: function and callers", Unit: "us"},
			server: Figure{Name: "  processor time of each: Postgres", Unit: "us"},
		},
		p50: Figure{Name: "half of them answered within, " + what, Unit: "ms"},
		p99: Figure{Name: "99 % of them answered within, " + what, Unit: "ms"},
	}
}

func (d *door) measure(ctx context.Context, l *ledgerDoor, choose accounts, o Options, name string, round int) error {
	var stop func() error
	var ours, theirs time.Duration
	var until time.Time
	answers, err := l.load(ctx, choose, int(o.Duration.Seconds()*readyPerSecond), func() (err error) {
		stop, err = profile(o.ProfileDir, fmt.Sprintf("%s-%d", name, round+1))
		ours, theirs, until = own(), family(l.postgres.Pid()), time.Now().Add(o.Duration)
		return err
	}, func() bool { return time.Now().Before(until) })
	ours, theirs = own()-ours, family(l.postgres.Pid())-theirs
	if stop != nil {
		err = errors.Join(err, stop())
	}
	if err != nil {
		return err
	}
	d.add(perSecond(len(answers.took), answers.elapsed), len(answers.took), ours, theirs)
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
