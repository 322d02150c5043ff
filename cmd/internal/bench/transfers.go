package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// transfers measures transfers through the API.
func transfers(ctx context.Context, o Options, dir string) (s Section, err error) {
	s.Title = fmt.Sprintf("Transfers through the API, %d clients (token, idempotency key, outbox, posting between two accounts, stored answer; three durable commits)", clients)
	o.say("transfers: starting Postgres, the ledger function and the API")
	l, err := openLedger(ctx, filepath.Join(dir, "transfers"))
	if err != nil {
		return s, err
	}
	defer func() { err = joinClose(err, l.close) }()
	o.say("transfers: filling %d accounts through the ledger's door, and pgbench's tables at scale %d", ledgerAccounts, o.Scale)
	p, err := preparePgbench(ctx, l.postgres, o.Scale, dir)
	if err != nil {
		return s, err
	}
	if err := l.fill(ctx); err != nil {
		return s, err
	}
	d, err := openAPI(ctx, l, dir)
	if err != nil {
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
	full := doorWork("at the maximum rate")
	full.rate = Figure{Name: "transfers", Unit: "transfers/s"}
	full.driver.Name = "  processor time of each: API, ledger function and callers"
	half := doorWork("at half of it")
	books := ""
	defer func() { // also of what was measured before an error
		s.Ratios = []Ratio{
			ratios("transfers / TPC-B", 0, full.rate, tpcb.rate),
			ratios("processor time, all together: TPC-B / transfer", 0, sum(tpcb.driver, tpcb.server), sum(full.driver, full.server)),
		}
		for _, w := range []work{tpcb, full.work} {
			s.Raw = append(s.Raw, w.rate, w.driver, w.server)
		}
		s.Raw = append(s.Raw, full.p50, full.p99, half.p50, half.p99)
		s.Notes = []string{
			fmt.Sprintf("%d accounts of one person, any two of them; the callers, both functions, Postgres and pgbench share the cores; there is no relay", ledgerAccounts),
			"at half of the maximum rate each caller asks at times that are given, and what is late counts from its time",
			books,
		}
	}()
	for round := range o.Rounds {
		o.say("transfers: round %d of %d", round+1, o.Rounds)
		if err := tpcb.pgbench(ctx, l, o, p.tpcb); err != nil {
			return s, err
		}
		if err := full.transfers(ctx, d, o, 0, fmt.Sprintf("transfers-%d", round+1)); err != nil {
			return s, err
		}
		rate := full.rate.Rounds[len(full.rate.Rounds)-1] / 2
		if err := half.transfers(ctx, d, o, rate, fmt.Sprintf("transfers-half-%d", round+1)); err != nil {
			return s, err
		}
	}
	books, err = d.verifyAPI(ctx)
	return s, err
}

// transfers measures for the time of a measurement; a rate of 0 is as fast as can
// be.
func (w *door) transfers(ctx context.Context, d *apiDoor, o Options, rate float64, name string) error {
	stop, err := profile(o.ProfileDir, name)
	if err != nil {
		return err
	}
	run, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	ours, theirs := own(), family(d.postgres.Pid())
	got, err := d.transfers(run, rate)
	ours, theirs = own()-ours, family(d.postgres.Pid())-theirs
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if len(got.took) == 0 {
		return errors.New("nothing was answered within " + o.Duration.Round(time.Millisecond).String())
	}
	w.add(perSecond(len(got.took), got.elapsed), len(got.took), ours, theirs)
	w.p50.Rounds = append(w.p50.Rounds, milliseconds(quantile(got.took, 0.50)))
	w.p99.Rounds = append(w.p99.Rounds, milliseconds(quantile(got.took, 0.99)))
	return nil
}
