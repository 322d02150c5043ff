package notify_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/notification"
	"quittance.dev/functions/notify"
)

// numbered names what the gateway took by its key. The gateway's own ids are
// random, and the suite compares one run with another.
type numbered struct{ mail.Sender }

func (n numbered) Send(ctx context.Context, m mail.Message) (mail.Receipt, error) {
	receipt, err := n.Sender.Send(ctx, m)
	if receipt.ProviderID != "" {
		receipt.ProviderID = "mail " + m.Key
	}
	return receipt, err
}

func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(of string) string { return fn.DeriveID("notify", of) }
	customer, account, second, invoice, payment, issued := id("customer"), id("account"), id("second account"), id("invoice"), id("payment"), id("receipt")
	fntest.Conformance(t, fntest.Subject{
		New: func(t testing.TB) (fn.Function, func() string) {
			logger := slog.New(slog.NewTextHandler(io.Discard, nil))
			gateway, sender := openGateway(t, logger)
			emulator, texts := openSMS(t, logger)
			return notify.New(notify.Config{From: "bank@example.org"}, numbered{sender}, texts), func() string {
				books := ""
				for _, m := range gateway.Mails() {
					books += fmt.Sprintln(m.Key, m.To, m.Subject)
				}
				for _, text := range emulator.Texts() {
					books += fmt.Sprintln(text.To, text.Body)
				}
				return books
			}
		},
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			setUp(t, owner, customer, account)
			exec(t, owner, `insert into accounts.account (id, customer_id, product, currency) values ($1, $2, 'current', 'EUR')`, second, customer)
			receipt(t, owner, customer, invoice, payment, issued)
		},
		Events: []events.Data{
			events.AccountClosed{AccountID: account, ClosureID: id("closure")},
			events.NotificationRequested{
				NotificationID: notification.ID(notification.AccountClosed, account, notification.Email),
				Kind:           "account.closed", SubjectID: account, Channel: "email",
			},
			events.ReceiptIssued{ReceiptID: issued, ReceiptNumber: "QUITTANCE-00000001", InvoiceID: invoice, PaymentID: payment},
			events.DepositCompleted{OperationID: id("in"), AccountID: account, AmountMinor: 9, Currency: "EUR", BalanceMinor: 9, AccountSeq: 1},
			events.WithdrawalCompleted{OperationID: id("out"), AccountID: account, AmountMinor: 9, Currency: "EUR", AccountSeq: 2},
			events.WithdrawalRejected{OperationID: id("no"), AccountID: account, AmountMinor: 9, Currency: "EUR", Reason: events.InsufficientFunds},
			events.TransferCompleted{TransactionID: id("transfer"), SrcAccountID: account, DstAccountID: second, Direction: events.Debit, AmountMinor: 3, Currency: "EUR",
				SrcBalanceMinor: 11, SrcAccountSeq: 3, DstBalanceMinor: 3, DstAccountSeq: 1},
			events.BankTransactionCompleted{TransactionID: id("bank"), DstAccountID: account, Direction: events.Credit, AmountMinor: 3, Currency: "EUR", BalanceMinor: 14, AccountSeq: 4},
		},
	})
}
