package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/functions/api"
)

func stormCommand() *cobra.Command {
	var p place
	var journeys, together int
	var forecast knative.Forecast
	c := &cobra.Command{
		Use: "storm", Short: "Play all journeys many times in seeded bad weather and compare the books", Args: cobra.NoArgs,
		Long: "Each hop, from the relay to a broker and from a broker to a function, meets the weather.\n" +
			"The bank lives in a temporary folder unless --data is given.",
		RunE: func(c *cobra.Command, _ []string) error {
			if p.data == "" {
				folder, err := os.MkdirTemp("", "quittance-storm-")
				if err != nil {
					return err
				}
				defer func() { _ = os.RemoveAll(folder) }()
				p.data = folder
			}
			forecast.DuplicateWithin, forecast.ReorderWindow = 200*time.Millisecond, 500*time.Millisecond
			weather := &knative.Weather{}
			b, stop, err := p.start(c.Context(), weather)
			if err != nil {
				return err
			}
			defer stop()
			if err := weather.Set(forecast); err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%d card payments, closings and transfers each, %d at a time; seed %d, %.0f %% duplicated, %.0f %% dropped, %.0f %% held back, %.0f %% answers lost\n",
				journeys, together, forecast.Seed, 100*forecast.Duplicate, 100*forecast.Drop, 100*forecast.Reorder, 100*forecast.LoseAnswer)
			started := time.Now()
			ticks, calm := context.WithCancel(c.Context())
			defer calm()
			go wakeAudit(ticks, b)
			if err := many(c.Context(), b, journeys, together); err != nil {
				return err
			}
			fmt.Fprintf(out, "   all %d complete after %s; the weather: %v\n", 3*journeys, time.Since(started).Round(time.Second), weather.Counts())
			return compare(c.Context(), out, b, 5*time.Minute)
		},
	}
	p.api, p.workbench, p.logLevel = "127.0.0.1:0", "127.0.0.1:0", "INFO"
	p.limits = api.Limits{PerSecond: 1e6, Burst: 1e6} // a few people play all journeys
	f := c.Flags()
	f.StringVar(&p.data, "data", "", "folder of the bank; a temporary one when empty")
	f.StringVar(&p.infra, "infra", "infra", "folder of the manifests")
	f.DurationVar(&p.auditDeadline, "audit-deadline", 5*time.Second, "after which an unheard event is delivered again")
	f.IntVar(&journeys, "journeys", 50, "how many of each")
	f.IntVar(&together, "together", 10, "how many at a time")
	f.Uint64Var(&forecast.Seed, "seed", 1, "decides what befalls which delivery")
	f.Float64Var(&forecast.Duplicate, "duplicate", 0.10, "share of deliveries made twice")
	f.Float64Var(&forecast.Drop, "drop", 0.05, "share of deliveries acknowledged and lost")
	f.Float64Var(&forecast.Reorder, "reorder", 0.20, "share of deliveries held back")
	f.Float64Var(&forecast.LoseAnswer, "lose-answer", 0.02, "share of deliveries whose answer is lost")
	f.Float64Var(&forecast.Refuse, "refuse", 0, "share of deliveries refused with a 5xx")
	return c
}

// wakeAudit ticks the audit every second, so that a storm need not wait for the
// timer of the manifests.
func wakeAudit(ctx context.Context, b *bank.Bank) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = b.Broker.Ping(ctx, "audit") // the next one makes up for it
		case <-ctx.Done():
			return
		}
	}
}

// many plays n runs of all journeys, some at a time, and returns every error.
func many(ctx context.Context, b *bank.Bank, n, together int) error {
	slots := make(chan struct{}, together)
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	base, logins := newID(), demo.NewLogins(b.IssuerURL)
	for i := range n {
		for name, journey := range map[string]func(context.Context, demo.Options) (demo.Result, error){"payment": demo.Payment, "closing": demo.Closing, "transfer": demo.Transfer} {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				_, err := journey(ctx, demo.Options{API: b.APIURL, Logins: logins, Run: fmt.Sprintf("%s/%d", base, i), Timeout: 5 * time.Minute})
				if err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%s %d: %w", name, i, err))
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}
