package books

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/emulators"
	"quittance.dev/functions/externale"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/stripe"
)

const (
	accountB          = "10000000-0000-0000-0000-0000000000b1" // parked: E refused
	sentMail, inDoubt = "60000000-0000-0000-0000-000000000001", "60000000-0000-0000-0000-000000000002"
)

// world is the outside of a bank, in which things happen as the bank's own
// clients make them happen.
type world struct {
	t       *testing.T
	set     *emulators.Set
	clients emulators.Clients
}

func openWorld(t *testing.T) *world {
	t.Helper()
	set, err := emulators.Start(emulators.Options{Folder: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Webhooks: http.DefaultTransport})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	clients, err := set.Clients()
	require.NoError(t, err)
	return &world{t, set, clients}
}

func (w *world) charges(paymentID string) {
	w.t.Helper()
	r, err := w.clients.Stripe.Charge(context.Background(), stripe.ChargeRequest{
		PaymentID: paymentID, InvoiceID: uuid.NewString(), AmountMinor: 700, Currency: "EUR", PaymentMethod: "pm_card_visa", Key: uuid.NewString()})
	require.NoError(w.t, err)
	require.Equal(w.t, stripe.Captured, r.Outcome)
}

// declines is an attempt that takes no money.
func (w *world) declines(paymentID string) {
	w.t.Helper()
	r, err := w.clients.Stripe.Charge(context.Background(), stripe.ChargeRequest{
		PaymentID: paymentID, InvoiceID: uuid.NewString(), AmountMinor: 900, Currency: "EUR", PaymentMethod: "pm_card_chargeDeclined", Key: uuid.NewString()})
	require.NoError(w.t, err)
	require.Equal(w.t, stripe.Refused, r.Outcome)
}

func (w *world) closesInMambu(account string) {
	w.t.Helper()
	r, err := w.clients.Mambu.Close(context.Background(), mambu.CloseRequest{AccountID: account, Key: uuid.NewString(), Notes: "n"})
	require.NoError(w.t, err)
	require.True(w.t, r.Confirmed(), "%v", r.Refused)
}

func (w *world) closesInE(account string) {
	w.t.Helper()
	r, err := w.clients.E.Close(context.Background(), externale.CloseRequest{AccountID: account, ClosureID: uuid.NewString(), Key: uuid.NewString()})
	require.NoError(w.t, err)
	require.True(w.t, r.Confirmed(), "%v", r.Refused)
}

func (w *world) mails(key string) {
	w.t.Helper()
	r, err := w.clients.Mail.Send(context.Background(), mail.Message{
		Key: key, From: emulators.From, To: []string{"somebody@mail.invalid"}, Subject: "s", Text: "t"})
	require.NoError(w.t, err)
	require.Nil(w.t, r.Refusal)
}

// The parts of what happened outside the clean bank.
var happened = []struct {
	name string
	do   func(*world)
}{
	{"charge", func(w *world) { w.charges(payment); w.declines("40000000-0000-0000-0000-000000000002") }},
	{"mambu", func(w *world) { w.closesInMambu(accountC) }},
	{"e", func(w *world) { w.closesInE(accountC) }},
	{"mambu, parked", func(w *world) { w.closesInMambu(accountB) }},
	{"mail", func(w *world) { w.mails(sentMail) }},
}

// Each comparison is broken alone, and exactly its line appears.
func TestEachComparisonWithTheOutsideFiresAlone(t *testing.T) {
	owner := openClean(t)
	const stranger = "90000000-0000-0000-0000-000000000001"
	for name, c := range map[string]struct {
		line    string // "": silent
		without string // a part of what happened
		and     func(*world)
		by      []string // in the bank's tables
	}{
		"clean":           {},
		"never charged":   {line: "A/D08 payment " + payment + " was charged 0 times", without: "charge"},
		"charged twice":   {line: "A/D08 payment " + payment + " was charged 2 times", and: func(w *world) { w.charges(payment) }},
		"owed back, once": {by: []string{`update invoicing.payment set state = 'refund_due', reason = 'late' where id = '` + payment + `'`}},
		"charged for a payment that failed": {line: `I14 the processor took money 1 times for "40000000-0000-0000-0000-000000000002", of which the bank knows nothing`,
			and: func(w *world) { w.charges("40000000-0000-0000-0000-000000000002") }},
		"charged for nobody": {line: `I14 the processor took money 2 times for "` + stranger + `", of which the bank knows nothing`,
			and: func(w *world) { w.charges(stranger); w.charges(stranger) }},

		"not closed in Mambu":         {line: "A04-A06 account " + accountC + " was closed 0 times in Mambu", without: "mambu"},
		"not closed in Mambu, parked": {line: "A04-A06 account " + accountB + " was closed 0 times in Mambu", without: "mambu, parked"},
		"not closed in E":             {line: "A04-A06 account " + accountC + " was closed 0 times in E", without: "e"},
		"closed twice in Mambu": {line: "A04-A06 account " + accountB + " was closed 2 times in Mambu", and: func(w *world) {
			a, found := w.set.Mambu.Account(accountB)
			require.True(w.t, found)
			a.State = "ACTIVE"
			require.NoError(w.t, w.set.Mambu.Put(a))
			w.closesInMambu(accountB)
		}},
		"closed twice in E": {line: "A04-A06 account " + accountC + " was closed 2 times in E", and: func(w *world) {
			require.NoError(w.t, w.set.E.Put(accountC))
			w.closesInE(accountC)
		}},
		"E first": {line: "A04-A06 account " + accountC + ": E closed it before Mambu", without: "mambu", and: func(w *world) { w.closesInMambu(accountC) }},
		"E closed what it refused": {line: "I09 account " + accountB + " was closed in E, of which the bank knows nothing",
			and: func(w *world) { w.closesInE(accountB) }},
		"Mambu closed a stranger": {line: "I09 account " + stranger + " was closed in Mambu, of which the bank knows nothing",
			and: func(w *world) { w.closesInMambu(stranger) }},
		"refused by Mambu": {without: "mambu, parked", by: []string{
			`update closure.account_closure set mambu_closed_at = null where state = 'PARKED'`}},

		"never mailed":                 {line: "A21/I12 notification " + sentMail + " was mailed 0 times", without: "mail"},
		"mailed twice":                 {line: "A21/I12 notification " + sentMail + " was mailed 2 times", and: func(w *world) { w.set.Mail.ForgetKeys(); w.mails(sentMail) }},
		"in doubt, and it had arrived": {and: func(w *world) { w.mails(inDoubt) }},
		"in doubt, and twice": {line: "A21/I12 notification " + inDoubt + " is parked and was mailed 2 times", and: func(w *world) {
			w.mails(inDoubt)
			w.set.Mail.ForgetKeys()
			w.mails(inDoubt)
		}},
		"mailed to a stranger": {line: `I12 1 mails under the key "` + stranger + `", which the bank did not send`, and: func(w *world) { w.mails(stranger) }},
		"mailed, but called failed": {line: `I12 1 mails under the key "` + sentMail + `", which the bank did not send`, by: []string{
			`update notification.notification set state = 'failed', last_error = 'no', sent_at = null where id = '` + sentMail + `'`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWorld(t)
			for _, part := range happened {
				if part.name != c.without {
					part.do(w)
				}
			}
			if c.and != nil {
				c.and(w)
			}
			lines, err := Outside(t.Context(), breaking(t, owner, c.by...), Here(w.set))
			require.NoError(t, err)
			if c.line == "" {
				require.Empty(t, lines)
				return
			}
			require.Equal(t, []string{c.line}, lines)
		})
	}
}

func TestABrokenComparisonIsAnError(t *testing.T) {
	owner, w := openClean(t), openWorld(t)
	for _, table := range []string{"invoicing.payment", "closure.account_closure", "notification.notification"} {
		_, err := Outside(t.Context(), breaking(t, owner, `drop table `+table+` cascade`), Here(w.set))
		require.ErrorContains(t, err, table)
	}
}
