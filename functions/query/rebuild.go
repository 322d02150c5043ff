package query

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	take := takers()
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
			select type, created_at, data::text from delivery.outbox where type = any($1)`, Rebuilt()); err != nil {
			return fmt.Errorf("open the archive: %w", err)
		}
		for {
			p, n, err := readPage(ctx, tx, take)
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

func readPage(ctx context.Context, tx pgx.Tx, take map[events.Type]taker) (p pageOfEvents, n int, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf("fetch %d from archive", rebuildPage))
	if err != nil {
		return p, 0, fmt.Errorf("read the archive: %w", err)
	}
	var eventType events.Type
	var at time.Time
	var data string
	_, err = pgx.ForEachRow(rows, []any{&eventType, &at, &data}, func() error {
		n++
		return take[eventType](&p, []byte(data), at)
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

// taker adds one archived event to its page.
type taker func(p *pageOfEvents, data []byte, at time.Time) error

// Rebuilt lists the event types that Rebuild reads.
func Rebuilt() []events.Type { return slices.Sorted(maps.Keys(takers())) }

// takers knows each type that the projections are made of.
func takers() map[events.Type]taker {
	return map[events.Type]taker{
		events.TypeAccountOpened: take(func(p *pageOfEvents, d events.AccountOpened, at time.Time) {
			p.opened = append(p.opened, OfOpening(d, at))
		}),
		events.TypeDepositCompleted: take(func(p *pageOfEvents, d events.DepositCompleted, at time.Time) {
			p.posted = append(p.posted, OfDeposit(d, at))
		}),
		events.TypeWithdrawalCompleted: take(func(p *pageOfEvents, d events.WithdrawalCompleted, at time.Time) {
			p.posted = append(p.posted, OfWithdrawal(d, at))
		}),
		events.TypeInvoiceCredited: take(func(p *pageOfEvents, d events.InvoiceCredited, at time.Time) {
			p.posted = append(p.posted, OfInvoice(d, at))
		}),
		events.TypeTransferCompleted: take(func(p *pageOfEvents, d events.TransferCompleted, at time.Time) {
			p.posted = append(p.posted, OfTransfer(d, at)...)
		}),
		events.TypeBankTransactionCompleted: take(func(p *pageOfEvents, d events.BankTransactionCompleted, at time.Time) {
			p.posted = append(p.posted, OfBankTransaction(d, at))
		}),
		events.TypeClosureStarted: take(func(p *pageOfEvents, d events.ClosureStarted, _ time.Time) {
			p.closing = append(p.closing, d.AccountID)
		}),
		events.TypeAccountClosed: take(func(p *pageOfEvents, d events.AccountClosed, at time.Time) {
			p.closed = append(p.closed, Account{ID: d.AccountID, ClosedAt: at})
		}),
	}
}

// take reads the payload of one type.
func take[D events.Data](add func(*pageOfEvents, D, time.Time)) taker {
	return func(p *pageOfEvents, data []byte, at time.Time) error {
		var d D
		if err := json.Unmarshal(data, &d); err != nil {
			return fmt.Errorf("%s of %s: %w", d.Type(), at.UTC().Format(time.RFC3339Nano), err)
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("%s of %s: %w", d.Type(), at.UTC().Format(time.RFC3339Nano), err)
		}
		add(p, d, at)
		return nil
	}
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
