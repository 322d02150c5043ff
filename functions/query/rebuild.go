package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
)

// rebuildPage is how many archived events are projected by one statement.
const rebuildPage = 2000

// Beginner is what Rebuild needs: a pool or a connection of the query role.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Rebuild empties the projections and makes them again from the archive of
// events, through the same code that hears them live; it returns how many
// events it read. Readers see the old rows until it commits. The live
// function waits meanwhile: an event that commits too late to be in the
// archive that Rebuild reads is projected after it.
func Rebuild(ctx context.Context, conn Beginner) (replayed int, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range []string{
			"lock table query.account_projection, query.balance, query.transaction in share row exclusive mode",
			"delete from query.account_projection",
			"delete from query.balance",
			"delete from query.transaction",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		if _, err := tx.Exec(ctx, `
			declare archive no scroll cursor for
			select type, created_at, data::text from delivery.outbox where type = any($1)`, projected()); err != nil {
			return fmt.Errorf("open the archive: %w", err)
		}
		for {
			p, n, err := readPage(ctx, tx)
			if err != nil {
				return err
			}
			if n == 0 {
				return nil
			}
			if err := p.write(ctx, tx); err != nil {
				return err
			}
			replayed += n
		}
	})
	if err != nil {
		return 0, fmt.Errorf("rebuild the projections: %w", err)
	}
	return replayed, nil
}

func readPage(ctx context.Context, tx pgx.Tx) (p pageOfEvents, n int, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf("fetch %d from archive", rebuildPage))
	if err != nil {
		return p, 0, fmt.Errorf("read the archive: %w", err)
	}
	var eventType events.Type
	var at time.Time
	var data string
	_, err = pgx.ForEachRow(rows, []any{&eventType, &at, &data}, func() error {
		n++
		return p.add(eventType, at, []byte(data))
	})
	if err != nil {
		return p, n, fmt.Errorf("read the archive: %w", err)
	}
	return p, n, nil
}

// pageOfEvents gathers archived events by what is written for them.
type pageOfEvents struct {
	opened, closed []Account
	closing        []string
	posted         []Transaction
}

// projected are the types that the projections are made of; add knows each.
func projected() []string {
	return []string{
		string(events.TypeAccountOpened), string(events.TypeDepositCompleted), string(events.TypeWithdrawalCompleted),
		string(events.TypeInvoiceCredited), string(events.TypeClosureStarted), string(events.TypeAccountClosed),
	}
}

func (p *pageOfEvents) add(t events.Type, at time.Time, data []byte) (err error) {
	switch t {
	case events.TypeAccountOpened:
		var d events.AccountOpened
		if err = read(data, &d); err == nil {
			p.opened = append(p.opened, OfOpening(d, at))
		}
	case events.TypeDepositCompleted:
		var d events.DepositCompleted
		if err = read(data, &d); err == nil {
			p.posted = append(p.posted, OfDeposit(d, at))
		}
	case events.TypeWithdrawalCompleted:
		var d events.WithdrawalCompleted
		if err = read(data, &d); err == nil {
			p.posted = append(p.posted, OfWithdrawal(d, at))
		}
	case events.TypeInvoiceCredited:
		var d events.InvoiceCredited
		if err = read(data, &d); err == nil {
			p.posted = append(p.posted, OfInvoice(d, at))
		}
	case events.TypeClosureStarted:
		var d events.ClosureStarted
		if err = read(data, &d); err == nil {
			p.closing = append(p.closing, d.AccountID)
		}
	case events.TypeAccountClosed:
		var d events.AccountClosed
		if err = read(data, &d); err == nil {
			p.closed = append(p.closed, Account{ID: d.AccountID, ClosedAt: at})
		}
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", t, at.UTC().Format(time.RFC3339Nano), err)
	}
	return nil
}

func (p *pageOfEvents) write(ctx context.Context, tx pgx.Tx) error {
	if err := Opened(ctx, tx, p.opened); err != nil {
		return err
	}
	if err := Posted(ctx, tx, p.posted); err != nil {
		return err
	}
	if err := Closing(ctx, tx, p.closing); err != nil {
		return err
	}
	return Closed(ctx, tx, p.closed)
}

func read(data []byte, into events.Data) error {
	return json.Unmarshal(data, into)
}
