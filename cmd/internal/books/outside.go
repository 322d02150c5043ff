package books

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/externale/externaletest"
	"quittance.dev/functions/mail/mailtest"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/stripe/stripetest"
)

// World is what the outside systems' own books say.
type World struct {
	Stripe stripetest.Books
	Mambu  mambutest.Book
	E      externaletest.Book
	Mails  []mailtest.Mail
}

// Outside compares the bank's tables with the books of the outside systems:
// every charge, every close and every mail happened there exactly as often as
// the bank means it to. Each line is about one payment, account or mail.
func Outside(ctx context.Context, owner database, outside World) ([]string, error) {
	var broken []string
	for _, compare := range []func(context.Context, database, World) ([]string, error){charges, closes, mails} {
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
func charges(ctx context.Context, owner database, outside World) (broken []string, err error) {
	want, err := texts(ctx, owner, `select id::text from invoicing.payment where state in ('captured', 'refund_due') order by 1`)
	if err != nil {
		return nil, err
	}
	books := outside.Stripe
	payments := map[string]string{} // by intent
	for _, i := range books.Intents {
		payments[i.ID] = i.Metadata["payment_id"]
	}
	taken := &tally{}
	for _, c := range books.Charges {
		if c.Status == "succeeded" {
			taken.add(payments[c.Intent])
		}
	}
	for _, id := range want {
		if n := taken.take(id); n != 1 {
			broken = append(broken, fmt.Sprintf("A/D08 payment %s was charged %d times", id, n))
		}
	}
	for _, id := range taken.order {
		broken = append(broken, fmt.Sprintf("I14 the processor took money %d times for %q, of which the bank knows nothing", taken.n[id], id))
	}
	return broken, nil
}

// closes: Mambu applied one close for each closure that Mambu confirmed, also
// if E refused it afterwards; E one for each that E confirmed; E after Mambu.
func closes(ctx context.Context, owner database, outside World) (broken []string, err error) {
	byMambu, err := texts(ctx, owner, `select account_id::text from closure.account_closure where mambu_closed_at is not null order by 1`)
	if err != nil {
		return nil, err
	}
	byE, err := texts(ctx, owner, `select account_id::text from closure.account_closure where e_closed_at is not null order by 1`)
	if err != nil {
		return nil, err
	}
	inMambu, inE := &tally{}, &tally{}
	mambuLast := map[string]time.Time{}
	for _, c := range outside.Mambu.Closes {
		inMambu.add(c.AccountID)
		mambuLast[c.AccountID] = c.At
	}
	for _, c := range outside.E.Closes {
		inE.add(c.AccountID)
		if last, ok := mambuLast[c.AccountID]; ok && !last.Before(c.At) {
			broken = append(broken, fmt.Sprintf("A04-A06 account %s: E closed it before Mambu", c.AccountID))
		}
	}
	for _, system := range []struct {
		name      string
		confirmed []string
		applied   *tally
	}{{"Mambu", byMambu, inMambu}, {"E", byE, inE}} {
		for _, account := range system.confirmed {
			if n := system.applied.take(account); n != 1 {
				broken = append(broken, fmt.Sprintf("A04-A06 account %s was closed %d times in %s", account, n, system.name))
			}
		}
		for _, account := range system.applied.order {
			broken = append(broken, fmt.Sprintf("I09 account %s was closed in %s, of which the bank knows nothing", account, system.name))
		}
	}
	return broken, nil
}

// mails: each e-mail that the bank means to have sent lies in the gateway's
// book once. Of one that is parked nobody knows whether it arrived: it is there
// at most once.
func mails(ctx context.Context, owner database, outside World) (broken []string, err error) {
	sent, err := texts(ctx, owner, `select id::text from notification.notification where channel = 'email' and state = 'sent' order by 1`)
	if err != nil {
		return nil, err
	}
	parked, err := texts(ctx, owner, `select id::text from notification.notification where channel = 'email' and state = 'parked' order by 1`)
	if err != nil {
		return nil, err
	}
	delivered := &tally{}
	for _, m := range outside.Mails {
		delivered.add(m.Key)
	}
	for _, id := range sent {
		if n := delivered.take(id); n != 1 {
			broken = append(broken, fmt.Sprintf("A21/I12 notification %s was mailed %d times", id, n))
		}
	}
	for _, id := range parked {
		if n := delivered.take(id); n > 1 {
			broken = append(broken, fmt.Sprintf("A21/I12 notification %s is parked and was mailed %d times", id, n))
		}
	}
	for _, key := range delivered.order {
		broken = append(broken, fmt.Sprintf("I12 %d mails under the key %q, which the bank did not send", delivered.n[key], key))
	}
	return broken, nil
}

func texts(ctx context.Context, owner database, query string) ([]string, error) {
	rows, err := owner.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
