package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/config"
	"quittance.dev/functions/api"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/telemetry"
)

const (
	// together is how many journeys are under way at a time, and how many
	// events in the comparison.
	together = 128
	// pairsWarm are played before the clock starts.
	pairsWarm = 16
	// wantedJourneys is the least part of the speed of hops that do nothing.
	wantedJourneys = 0.5
	// patience bounds one journey.
	patience = time.Minute
)

// journeys measures both journeys through the brokers against the same events,
// through the same brokers and Triggers, to services that do nothing.
func journeys(ctx context.Context, o Options, dir string) (s Section, err error) {
	s.Title = fmt.Sprintf("Journeys through the brokers, %d at a time (card payment to receipt and mail; last withdrawal to closed account and mail)", together)
	bankRate := Figure{Name: "journeys of the bank", Unit: "journeys/s"}
	emptyRate := Figure{Name: "the same events to services that do nothing", Unit: "journeys/s"}
	bankHops, emptyHops := Figure{Name: "  deliveries", Unit: "deliveries/s"}, Figure{Name: "  deliveries", Unit: "deliveries/s"}
	per := Figure{Name: "deliveries per journey", Unit: "deliveries"}
	cost := Figure{Name: "  processor time of each journey: the bank", Unit: "us"}
	postgresCost := Figure{Name: "  processor time of each journey: Postgres", Unit: "us"}
	emptyCost := Figure{Name: "  processor time of each journey", Unit: "us"}
	defer func() {
		s.Ratios = []Ratio{
			ratios("journeys / no-op hops", wantedJourneys, bankRate, emptyRate),
			ratios("processor time: no-op hops / journey, with Postgres", 0, emptyCost, sum(cost, postgresCost)),
		}
		s.Raw = []Figure{bankRate, bankHops, cost, postgresCost, emptyRate, emptyHops, emptyCost, per}
		s.Notes = append(s.Notes,
			"a delivery is one event at one function whose Trigger matches, counted from the journal; those that do not match cost a request as well, on both sides",
			fmt.Sprintf("the same %d events at a time go to the services that do nothing; they wait for no outbox, no database and no outside system", together))
	}()
	logger, closeLogs, err := discardedLogs()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, closeLogs()) }()
	_, stopMetrics, err := telemetry.Start(ctx, "quittance", config.Telemetry{})
	if err != nil {
		return s, err
	}
	defer func() { err = joinClose(err, stopMetrics) }()
	for round := range o.Rounds {
		o.say("journeys: round %d of %d", round+1, o.Rounds)
		played, err := playBank(ctx, o, dir, logger, round)
		if err != nil {
			return s, fmt.Errorf("the bank: %w", err)
		}
		replayed, err := replay(ctx, o, played.said, round)
		if err != nil {
			return s, fmt.Errorf("no-op hops: %w", err)
		}
		n := len(played.journeys)
		if replayed.deliveries != played.deliveries {
			return s, fmt.Errorf("%d deliveries in the bank, %d to the services that do nothing: not the same work", played.deliveries, replayed.deliveries)
		}
		if played.again > 0 {
			s.Notes = append(s.Notes, fmt.Sprintf("round %d: %d deliveries were answered otherwise than with 2xx and made again", round+1, played.again))
		}
		bankRate.Rounds = append(bankRate.Rounds, perSecond(n, played.took))
		bankHops.Rounds = append(bankHops.Rounds, perSecond(played.deliveries, played.took))
		cost.Rounds = append(cost.Rounds, microsecondsEach(played.processor, n))
		postgresCost.Rounds = append(postgresCost.Rounds, microsecondsEach(played.postgres, n))
		emptyRate.Rounds = append(emptyRate.Rounds, perSecond(n, replayed.took))
		emptyHops.Rounds = append(emptyHops.Rounds, perSecond(replayed.deliveries, replayed.took))
		emptyCost.Rounds = append(emptyCost.Rounds, microsecondsEach(replayed.processor, n))
		per.Rounds = append(per.Rounds, float64(played.deliveries)/float64(n))
	}
	return s, nil
}

// played is one measurement of journeys.
type played struct {
	journeys          []string
	said              []fn.Envelope // by the bank, in these journeys
	deliveries, again int
	took              time.Duration
	processor         time.Duration // of this process
	postgres          time.Duration // of the processor, by Postgres
}

// playBank starts the bank, prepares pairs of journeys, and plays them.
func playBank(ctx context.Context, o Options, dir string, logger *slog.Logger, round int) (p played, err error) {
	hops := newHopBook()
	b, err := bank.Start(ctx, bank.Options{
		DataDir: filepath.Join(dir, "bank"), Infra: os.DirFS(filepath.Join(o.Root, "infra")),
		API: "127.0.0.1:0", Workbench: "127.0.0.1:0", Journal: hops, Logger: logger,
		Limits: api.Limits{PerSecond: 1e6, Burst: 1e6}, // one caller plays everybody
	})
	if err != nil {
		return p, err
	}
	defer func() { err = joinClose(err, b.Close) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * together}
	defer transport.CloseIdleConnections()
	token, err := b.Outside.Issuer.Token(issuer.Users()[0]) // good for longer than a round
	if err != nil {
		return p, err
	}
	caller := &integrator{bank: b, hops: hops, token: token, http: &http.Client{Transport: transport}}
	pairs, err := prepared(ctx, caller, o.Pairs+pairsWarm)
	if err != nil {
		return p, err
	}
	if _, err := playPairs(ctx, caller, pairs[o.Pairs:]); err != nil {
		return p, err
	}
	if err := drained(ctx, b); err != nil {
		return p, err
	}
	stop, err := profile(o.ProfileDir, fmt.Sprintf("journeys-%d", round+1))
	if err != nil {
		return p, err
	}
	begun, ours, theirs := time.Now(), own(), family(b.Postgres.Pid())
	p.journeys, err = playPairs(ctx, caller, pairs[:o.Pairs])
	p.took, p.processor, p.postgres = time.Since(begun), own()-ours, family(b.Postgres.Pid())-theirs
	if err := errors.Join(err, stop()); err != nil {
		return p, err
	}
	if err := drained(ctx, b); err != nil {
		return p, err
	}
	p.deliveries, p.again = hops.count(p.journeys)
	p.said, err = said(ctx, b, p.journeys)
	return p, err
}

// prepared makes n pairs, several at a time.
func prepared(ctx context.Context, caller *integrator, n int) ([]pair, error) {
	pairs := make([]pair, n)
	return pairs, inParallel(ctx, n, func(ctx context.Context, i int) (err error) {
		pairs[i], err = caller.prepare(ctx)
		return err
	})
}

// playPairs plays both journeys of every pair and returns the journeys' ids.
func playPairs(ctx context.Context, caller *integrator, pairs []pair) ([]string, error) {
	ids := make([]string, 2*len(pairs))
	return ids, inParallel(ctx, len(ids), func(ctx context.Context, i int) (err error) {
		play := caller.pay
		if i%2 == 1 {
			play = caller.empty
		}
		ids[i], err = play(ctx, pairs[i/2])
		return err
	})
}

// inParallel does n pieces of work, as many together as belong together, each
// with patience. It returns the first error and does not begin the rest.
func inParallel(ctx context.Context, n int, work func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(together, n) {
		workers.Go(func() {
			for i := range next {
				one, done := context.WithTimeout(ctx, patience)
				if err := work(one, i); err != nil {
					cancel(err)
				}
				done()
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// drained returns when everything that the bank has said has been taken by a
// broker.
func drained(ctx context.Context, b *bank.Bank) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var waiting int
		if err := b.Owner.QueryRow(ctx, `select count(*) from delivery.queue`).Scan(&waiting); err != nil {
			return fmt.Errorf("look at the outbox: %w", err)
		}
		if waiting == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d events wait in the outbox: %w", waiting, ctx.Err())
		}
	}
}

// said reads what the bank said in the given journeys, in order.
func said(ctx context.Context, b *bank.Bank, journeys []string) ([]fn.Envelope, error) {
	rows, err := b.Owner.Query(ctx, `
		select `+fn.EnvelopeColumns+` from delivery.outbox
		where correlation_id = any($1) order by created_at, id`, journeys)
	if err != nil {
		return nil, fmt.Errorf("read what was said: %w", err)
	}
	return pgx.CollectRows(rows, fn.ScanEnvelope)
}

// discardedLogs are JSON lines that nobody reads; each costs its system call.
func discardedLogs() (*slog.Logger, func() error, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	logger, err := telemetry.Logger(null, "info")
	return logger, null.Close, err
}
