// Package timeline reads one journey from the tables and prints it for people:
// each event, who handled it, after how many attempts and how long.
package timeline

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Step is one event and one of its consumers.
type Step struct {
	Event    string        // the middle of the type: deposit.completed
	SaidBy   string        // a function
	Function string        // who handled it; empty when nobody hears it
	Attempts int           // deliveries until it was handled
	State    string        // done, claimed or waiting
	At       time.Duration // since the journey's first event
	Took     time.Duration // from said to handled
}

// Read reads the steps of a journey in the order in which they were said.
func Read(ctx context.Context, owner *pgxpool.Pool, correlationID string) ([]Step, error) {
	rows, err := owner.Query(ctx, `
		select o.type, o.source, coalesce(s.consumer, ''), coalesce(i.attempts, 0) + coalesce(f.attempts, 0),
		       case when s.consumer is null then 'said' else coalesce(i.state, 'waiting') end,
		       o.created_at - min(o.created_at) over (), coalesce(i.done_at - o.created_at, interval '0')
		from delivery.outbox o
		left join delivery.subscription s on s.type = o.type
		left join delivery.idempotency i on i.consumer = s.consumer and i.source = o.source and i.id = o.id
		left join delivery.failure f on f.consumer = s.consumer and f.source = o.source and f.id = o.id
		     and i.fence = 1 -- a call's attempts are counted by its claim
		where o.correlation_id = $1
		order by o.created_at, o.type, i.done_at, s.consumer`, correlationID)
	if err != nil {
		return nil, fmt.Errorf("read the journey: %w", err)
	}
	steps, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Step, err error) {
		var eventType, source string
		err = row.Scan(&eventType, &source, &s.Function, &s.Attempts, &s.State, &s.At, &s.Took)
		s.Event = strings.TrimSuffix(strings.TrimPrefix(eventType, "dev.quittance."), ".v1")
		s.SaidBy = strings.TrimPrefix(source, "/functions/")
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journey: %w", err)
	}
	return steps, nil
}

// Print writes the steps as a table.
func Print(w io.Writer, steps []Step) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "   at\tevent\tsaid by\thandled by\tattempts\ttook\t")
	for _, s := range steps {
		handled, attempts, took := s.Function, fmt.Sprint(s.Attempts), round(s.Took)
		switch s.State {
		case "said":
			handled, attempts, took = "-", "", ""
		case "waiting", "claimed":
			took = s.State
		}
		fmt.Fprintf(t, "   %s\t%s\t%s\t%s\t%s\t%s\t\n", round(s.At), s.Event, s.SaidBy, handled, attempts, took)
	}
	return t.Flush()
}

func round(d time.Duration) string { return d.Round(time.Millisecond).String() }
