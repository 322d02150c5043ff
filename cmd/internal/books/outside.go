package books

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/cmd/internal/emulators"
)

// Outside compares the bank's tables with the books of the outside systems:
// every charge, every close and every mail happened there exactly as often as
// the bank means it to.
func Outside(ctx context.Context, owner *pgxpool.Pool, outside *emulators.Set) ([]string, error) {
	var broken []string
	for _, compare := range []func(context.Context, *pgxpool.Pool, *emulators.Set) ([]string, error){charges, closes, mails} {
		found, err := compare(ctx, owner, outside)
		if err != nil {
			return nil, err
		}
		broken = append(broken, found...)
	}
	return broken, nil
}

// charges: the processor took money once for each payment that the bank calls
// captured or owes back, and for no other.
func charges(ctx context.Context, owner *pgxpool.Pool, outside *emulators.Set) (broken []string, err error) {
	books := outside.Stripe.Books()
	want, err := texts(ctx, owner, `select id::text from invoicing.payment where state in ('captured', 'refund_due')`)
	if err != nil {
		return nil, err
	}
	for _, id := range want {
		if n := books.Captured(id); n != 1 {
			broken = append(broken, fmt.Sprintf("A/D08 payment %s was charged %d times", id, n))
		}
	}
	taken := 0
	for _, c := range books.Charges {
		if c.Status == "succeeded" {
			taken++
		}
	}
	if taken != len(want) {
		broken = append(broken, fmt.Sprintf("I14 the processor took money %d times for %d payments", taken, len(want)))
	}
	return broken, nil
}

// closes: Mambu and E applied one close for each closure, E after Mambu.
func closes(ctx context.Context, owner *pgxpool.Pool, outside *emulators.Set) (broken []string, err error) {
	closed, err := texts(ctx, owner, `select account_id::text from closure.account_closure where state = 'CLOSED'`)
	if err != nil {
		return nil, err
	}
	mambu, e := outside.Mambu.Book(), outside.E.Book()
	for _, account := range closed {
		inMambu, inE := 0, 0
		ordered := true
		for _, m := range mambu.Closes {
			if m.AccountID != account {
				continue
			}
			inMambu++
			for _, x := range e.Closes {
				ordered = ordered && (x.AccountID != account || m.At.Before(x.At))
			}
		}
		for _, x := range e.Closes {
			if x.AccountID == account {
				inE++
			}
		}
		if inMambu != 1 || inE != 1 || !ordered {
			broken = append(broken, fmt.Sprintf("A04-A06 account %s: closed %d times in Mambu, %d times in E, Mambu first: %v", account, inMambu, inE, ordered))
		}
	}
	if len(mambu.Closes) != len(closed) || len(e.Closes) != len(closed) {
		broken = append(broken, fmt.Sprintf("I09 %d closures, %d closes in Mambu, %d in E", len(closed), len(mambu.Closes), len(e.Closes)))
	}
	return broken, nil
}

// mails: each e-mail that the bank means to have sent lies in the gateway's
// book once.
func mails(ctx context.Context, owner *pgxpool.Pool, outside *emulators.Set) (broken []string, err error) {
	want, err := texts(ctx, owner, `select id::text from notification.notification where channel = 'email' and state = 'sent'`)
	if err != nil {
		return nil, err
	}
	delivered := map[string]int{}
	for _, m := range outside.Mail.Mails() {
		delivered[m.Key]++
	}
	for _, id := range want {
		if delivered[id] != 1 {
			broken = append(broken, fmt.Sprintf("A21/I12 notification %s was mailed %d times", id, delivered[id]))
		}
	}
	if total := len(outside.Mail.Mails()); total != len(want) {
		broken = append(broken, fmt.Sprintf("I12 %d mails for %d notifications", total, len(want)))
	}
	return broken, nil
}

func texts(ctx context.Context, owner *pgxpool.Pool, query string) ([]string, error) {
	rows, err := owner.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
