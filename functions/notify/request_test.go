package notify_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/outside/outsidetest"
)

func TestTheFunctionIsWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	var hears []events.Type
	for _, entry := range events.Catalogue() {
		for _, consumer := range entry.Hears {
			if consumer == notify.Name {
				hears = append(hears, entry.Type)
			}
		}
	}
	require.ElementsMatch(t, hears, notify.New(notify.Config{}, nil, nil).Hears())
}

// receipt is a receipt of an invoice that the customer has paid.
func receipt(t testing.TB, owner *pgxpool.Pool, customer string, ids ...string) (events.ReceiptIssued, []byte) {
	t.Helper()
	for len(ids) < 3 {
		ids = append(ids, uuid.NewString())
	}
	desk, pdf := invoicingtest.Open(t, owner), []byte("%PDF-1.7\nthe receipt")
	invoice := desk.Invoice(t, func(n *invoicing.NewInvoice) { n.ID, n.AccountID, n.CustomerID = ids[0], ids[0], customer })
	p := desk.Charging(t, invoice, func(n *invoicing.NewPayment) { n.ID = ids[1] })
	r := invoicing.Receipt{ID: ids[2], InvoiceID: invoice.ID, PaymentID: p.ID, Issuer: "quittance", PDF: pdf}
	desk.Do(t, func(ctx context.Context, tx fn.Tx) (err error) {
		if err = invoicing.Settle(ctx, tx, p.ID, invoicing.Charging, invoicing.Settlement{State: invoicing.Captured, Reference: "pi_" + p.ChargeKey, ChargedAt: tx.Now()}); err != nil {
			return err
		}
		if err = invoicing.PayInvoice(ctx, tx, invoice.ID, p.ID); err != nil {
			return err
		}
		if r.Number, err = invoicing.TakeNumber(ctx, tx, r.Issuer); err != nil {
			return err
		}
		r.IssuedAt = tx.Now()
		return invoicing.IssueReceipt(ctx, tx, r)
	})
	return events.ReceiptIssued{ReceiptID: r.ID, ReceiptNumber: r.FullNumber(), InvoiceID: r.InvoiceID, PaymentID: r.PaymentID}, pdf
}

// TestB18_D07_EachEventIsToldOnceByItsChannels delivers every kind twice, the
// second time under an id of its own.
func TestB18_D07_EachEventIsToldOnceByItsChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	issued, pdf := receipt(t, w.owner, w.customer)
	for _, d := range []events.Data{
		w.closed(), issued,
		events.DepositCompleted{OperationID: uuid.NewString(), AccountID: w.account, AmountMinor: 1230, Currency: "EUR", BalanceMinor: 1230, AccountSeq: 1},
		events.WithdrawalCompleted{OperationID: uuid.NewString(), AccountID: w.account, AmountMinor: 1230, Currency: "EUR", AccountSeq: 2, Closing: true},
		events.WithdrawalRejected{OperationID: uuid.NewString(), AccountID: w.account, AmountMinor: 5, Currency: "EUR", Reason: events.AccountIsClosing},
	} {
		w.hear(http.StatusOK, d)
		w.hear(http.StatusOK, d)
	}
	require.Equal(t, []int{200, 200, 200, 200, 200}, w.send())
	require.Equal(t, map[events.Type]int{events.TypeNotificationSent: 5}, w.said())

	mails := w.mails()
	require.Len(t, mails, 2)
	for _, m := range mails {
		require.Equal(t, []string{canaryMail}, m.To)
		require.Contains(t, m.From, "no-reply@quittance.example")
		require.True(t, strings.HasPrefix(m.Text, "Dear "+canaryName+",\n"))
	}
	require.Equal(t, "Your account is closed", mails[0].Subject)
	require.Contains(t, mails[0].Text, w.account)
	require.Equal(t, "Your receipt "+issued.ReceiptNumber, mails[1].Subject)
	require.Contains(t, mails[1].Text, "120.50 EUR")
	sum := sha256.Sum256(pdf)
	require.Len(t, mails[1].Attachments, 1)
	require.Equal(t, "receipt-"+issued.ReceiptNumber+".pdf", mails[1].Attachments[0].Filename)
	require.Equal(t, hex.EncodeToString(sum[:]), mails[1].Attachments[0].SHA256)

	texts := w.sms.Texts()
	require.Len(t, texts, 3)
	for _, text := range texts {
		require.Equal(t, canaryPhone, text.To)
		require.LessOrEqual(t, len(text.Body), 160, "one part, with its reference")
	}
	require.Contains(t, texts[0].Body, "12.30 EUR was paid into your account ending "+w.account[32:])
	require.Contains(t, texts[2].Body, "was not made: Account is closing.")
}

func TestWhoNobodyKnowsIsForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	stranger := uuid.NewString()
	w.hear(http.StatusUnprocessableEntity, events.AccountClosed{AccountID: stranger, ClosureID: uuid.NewString()})
	w.hear(http.StatusUnprocessableEntity, events.ReceiptIssued{ReceiptID: stranger, ReceiptNumber: "1", InvoiceID: stranger, PaymentID: stranger})
	w.hear(http.StatusUnprocessableEntity, events.NotificationRequested{NotificationID: stranger, Kind: "account.closed", SubjectID: stranger, Channel: "email"})
	rejected := events.WithdrawalRejected{OperationID: stranger, AccountID: stranger, AmountMinor: 5, Currency: "EUR", Reason: events.InsufficientFunds}
	w.hear(http.StatusUnprocessableEntity, rejected)
	rejected.Reason = events.AccountNotFound
	w.hear(http.StatusOK, rejected)
	require.Empty(t, w.rows())
	require.Empty(t, w.requested())
}

// TestA31_NothingPersonalLeavesButTheMessage searches everything that the run
// has written for the customer's name, address and number: in good weather, in
// bad, and when the other side refuses.
func TestA31_NothingPersonalLeavesButTheMessage(t *testing.T) {
	t.Parallel()
	for _, smtp := range []bool{false, true} {
		w := newWorld(t, options{smtp: smtp})
		issued, _ := receipt(t, w.owner, w.customer)
		w.hear(http.StatusOK, w.closed())
		w.mood(outsidetest.Mood{Kind: outsidetest.TooMany}, outsidetest.Mood{Kind: outsidetest.TimeoutAfter, Times: 3})
		for range 4 {
			w.send()
		}
		w.hear(http.StatusOK, issued)
		w.mood(outsidetest.Mood{Kind: outsidetest.Refuse})
		w.send()
		w.hear(http.StatusOK, w.paidIn())
		require.NoError(t, w.sms.Moods.Script(outsidetest.Mood{Kind: outsidetest.CutAfter}))
		w.send()
		w.send()
		w.hear(http.StatusOK, w.paidIn())
		require.NoError(t, w.sms.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse}))
		w.send()
		require.Len(t, w.sms.Texts(), 1)
		require.Equal(t, canaryPhone, w.sms.Texts()[0].To, "the canary is alive")

		everything := w.logs.String() + w.everyRowButTheCustomers()
		require.Contains(t, everything, w.account)
		for _, canary := range append(strings.Fields(canaryName), canaryMail, canaryPhone, "canary.example") {
			require.NotContains(t, strings.ToLower(everything), strings.ToLower(canary))
		}
	}
}

// everyRowButTheCustomers is the text of all tables except accounts.customer.
func (w *world) everyRowButTheCustomers() string {
	w.t.Helper()
	ctx := context.Background()
	rows, err := w.owner.Query(ctx, `
		select format('%I.%I', table_schema, table_name) from information_schema.tables
		where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')
		  and (table_schema, table_name) <> ('accounts', 'customer')`)
	require.NoError(w.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	require.Contains(w.t, tables, "delivery.outbox")
	var all strings.Builder
	for _, table := range tables {
		rows, err := w.owner.Query(ctx, "select row_to_json(t)::text from "+table+" t")
		require.NoError(w.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}
