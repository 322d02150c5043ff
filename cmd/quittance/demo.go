package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/timeline"
)

func demoCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "demo", Short: "Play all journeys once and exit; fails if a promised final state is missing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			started := time.Now()
			b, stop, err := p.start(c.Context(), nil)
			if err != nil {
				return err
			}
			defer stop()
			began(c.OutOrStdout(), time.Since(started))
			if _, err = play(c.Context(), c.OutOrStdout(), b, p.data); err != nil {
				return err
			}
			return compare(c.Context(), c.OutOrStdout(), b, 2*time.Minute)
		},
	}
	p.flags(c)
	return c
}

// play plays all journeys with visible progress and prints what happened, once
// Ada has the accounts that are there to be tried. A run that was cut off is taken
// up again.
func play(ctx context.Context, w io.Writer, b *bank.Bank, data string) (demo.Result, error) {
	run, err := openRun(data)
	if err != nil {
		return demo.Result{}, err
	}
	o := demo.Options{API: b.APIURL, Logins: demo.NewLogins(b.IssuerURL), Run: run.ID, Say: func(step string) { fmt.Fprintf(w, "   ✓ %s\n", step) }}
	if err := demo.Seed(ctx, o); err != nil {
		return demo.Result{}, err
	}
	fmt.Fprintln(w, "\n1. A card payment: invoice, charge, ledger, receipt, mail")
	paid, err := demo.Payment(ctx, o)
	if err != nil {
		return paid, err
	}
	if err := report(ctx, w, b, paid.PaymentID, paid.Final); err != nil {
		return paid, err
	}
	fmt.Fprintln(w, "\n2. The last withdrawal: the account closes in Mambu, then in E, and the customer is told once")
	closed, err := demo.Closing(ctx, o)
	if err != nil {
		return closed, err
	}
	if err := report(ctx, w, b, closed.Withdrawal, closed.Final); err != nil {
		return closed, err
	}
	fmt.Fprintln(w, "\n3. A transfer, and what is refused: nobody gives more than there is")
	moved, err := demo.Transfer(ctx, o)
	if err != nil {
		return moved, err
	}
	if err := report(ctx, w, b, moved.Transfer, moved.Final); err != nil {
		return moved, err
	}
	closed.Gift, closed.Transfer, closed.Refused = moved.Gift, moved.Transfer, moved.Refused
	fmt.Fprintln(w, "\n4. The report: what is in it is settled when it is opened")
	lines, err := demo.Report(ctx, o, closed.SavingsID)
	if err != nil {
		return closed, err
	}
	fmt.Fprintln(w)
	for _, l := range lines {
		fmt.Fprintf(w, "   %s  %-10s  %-6s  %s %s  %s\n", l.TransactionTimestamp.Format(time.DateTime), l.Kind, l.Direction, l.Amount, l.Currency, strings.TrimSpace(string(l.Status)+" "+l.Reason))
	}
	closed.InvoiceID, closed.PaymentID, closed.PayeeID = paid.InvoiceID, paid.PaymentID, paid.PayeeID
	return closed, run.finish()
}

func report(ctx context.Context, w io.Writer, b *bank.Bank, journey string, final []demo.State) error {
	steps, err := journeyAtRest(ctx, b, journey, 2*time.Minute)
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := timeline.Print(w, steps); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, s := range final {
		fmt.Fprintf(w, "   %s: %s\n", s.What, s.Is)
	}
	return nil
}

// journeyAtRest waits until every event of the journey has been handled: other
// journeys, held up by an outage of days ago, are not this one's business.
func journeyAtRest(ctx context.Context, b *bank.Bank, journey string, within time.Duration) ([]timeline.Step, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		steps, err := timeline.Read(ctx, b.Owner, journey)
		if err != nil {
			return nil, err
		}
		waiting := 0
		for _, s := range steps {
			if s.State != "done" && s.State != "said" {
				waiting++
			}
		}
		if waiting == 0 {
			return steps, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return steps, fmt.Errorf("the journey does not come to rest: %d deliveries wait", waiting)
		}
	}
}

// atRest waits until nothing is on its way any more.
func atRest(ctx context.Context, b *bank.Bank, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	waiting := 0
	for {
		now, err := books.Rest(ctx, b.Owner)
		if err == nil && now == 0 {
			return nil
		}
		if err == nil {
			waiting = now
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the bank does not come to rest: %d deliveries wait", waiting), err)
		}
	}
}

// compare checks every table rule and every outside book.
func compare(ctx context.Context, w io.Writer, b *bank.Bank, within time.Duration) error {
	if err := atRest(ctx, b, within); err != nil {
		return err
	}
	broken, err := books.Tables(ctx, b.Owner)
	if err != nil {
		return err
	}
	outside, err := books.Outside(ctx, b.Owner, books.Here(b.Outside))
	if err != nil {
		return err
	}
	if broken = append(broken, outside...); len(broken) > 0 {
		for _, line := range broken {
			fmt.Fprintln(w, "   ✗", line)
		}
		return fmt.Errorf("%d rules are broken", len(broken))
	}
	fmt.Fprintln(w, "\n   ✓ debits equal credits; the books of Mambu, E, the card processor and the mail gateway agree with ours")
	return nil
}

// run is the demo that is being played, kept in the data folder so that a
// process that was killed is followed by one that goes on.
type run struct {
	ID   string `json:"run"`
	Done bool   `json:"done"`
	file string
}

func openRun(data string) (*run, error) {
	r := &run{file: filepath.Join(data, "demo.json")}
	raw, err := os.ReadFile(r.file)
	if err == nil && json.Unmarshal(raw, r) == nil && r.ID != "" && !r.Done {
		return r, nil
	}
	r.ID, r.Done = newID(), false
	return r, r.save()
}

func (r *run) finish() error {
	r.Done = true
	return r.save()
}

// save replaces the file in one step: a kill leaves the old one or the new.
func (r *run) save() error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.file+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(r.file+".new", r.file)
}

func newID() string { return uuid.NewString() }
