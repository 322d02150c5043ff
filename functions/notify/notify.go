package notify

import (
	"context"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/notification"
	"quittance.dev/functions/sms"
)

// Name of the service.
const Name = "notification"

// EmailSender hands mails over, as mail.Sender says.
type EmailSender interface {
	Send(context.Context, mail.Message) (mail.Receipt, error)
	Resendable(age time.Duration) bool
}

// TextSender hands text messages over, as sms.Client says. The other side
// cannot tell a second copy from a new message, but it can be asked.
type TextSender interface {
	Send(context.Context, sms.Message) (sms.Receipt, error)
	// Find looks for a message that was sent since then; sms.ErrNotFound if
	// there is none, or none yet.
	Find(ctx context.Context, m sms.Message, since time.Time) (sms.Receipt, error)
}

// New makes the function.
func New(c Config, email EmailSender, text TextSender) fn.Function {
	r := room{config: c.withDefaults(), email: email, text: text, texts: newTexts()}
	return fn.Function{Name: Name, InStep: true, Handlers: []fn.Handler{
		fn.LogWith(tell(r, ofClosing), func(d events.AccountClosed) []any {
			return []any{"closure_id", d.ClosureID, "account_id", d.AccountID, "step", "notify"}
		}),
		tell(r, ofReceipt),
		tell(r, ofDeposit),
		tell(r, ofWithdrawal),
		tell(r, ofRejection),
		tellAll(r, ofTransfer),
		tell(r, ofBankTransaction),
		fn.LogWith(fn.Remote(r.prepare, r.call, r.settle), func(d events.NotificationRequested) []any {
			return []any{"notification_id", d.NotificationID, "kind", d.Kind, "subject_id", d.SubjectID, "step", "send"}
		}),
	}}
}

type room struct {
	config Config
	email  EmailSender
	text   TextSender
	texts  texts
}

func ofClosing(d events.AccountClosed) news {
	return news{
		kind: notification.AccountClosed, subjectID: d.AccountID, accountID: d.AccountID,
		content: notification.Content{AccountID: d.AccountID},
	}
}

func ofReceipt(d events.ReceiptIssued) news {
	return news{
		kind: notification.ReceiptIssued, subjectID: d.ReceiptID, invoiceID: d.InvoiceID,
		content: notification.Content{InvoiceID: d.InvoiceID, ReceiptNumber: d.ReceiptNumber},
	}
}

func ofDeposit(d events.DepositCompleted) news {
	return news{
		kind: notification.DepositCompleted, subjectID: d.OperationID, accountID: d.AccountID,
		content: notification.Content{AccountID: d.AccountID, AmountMinor: d.AmountMinor, BalanceMinor: d.BalanceMinor, Currency: d.Currency},
	}
}

func ofWithdrawal(d events.WithdrawalCompleted) news {
	return news{
		kind: notification.WithdrawalCompleted, subjectID: d.OperationID, accountID: d.AccountID,
		content: notification.Content{AccountID: d.AccountID, AmountMinor: d.AmountMinor, BalanceMinor: d.BalanceMinor, Currency: d.Currency},
	}
}

func ofRejection(d events.WithdrawalRejected) news {
	return news{
		kind: notification.WithdrawalRejected, subjectID: d.OperationID, accountID: d.AccountID,
		content: notification.Content{AccountID: d.AccountID, AmountMinor: d.AmountMinor, Currency: d.Currency, Reason: d.Reason},
		nobody:  d.Reason == events.AccountNotFound,
	}
}

// ofTransfer is news to both sides. The owner of the debited account has had the
// answer, but whoever acts in somebody's name must not go unseen.
func ofTransfer(d events.TransferCompleted) []news {
	side := func(account string, balance int64) news {
		kind := notification.TransferReceived
		if account == d.DebitedAccountID() {
			kind = notification.TransferSent
		}
		return news{
			kind: kind, subjectID: d.TransactionID, accountID: account,
			content: notification.Content{AccountID: account, AmountMinor: d.AmountMinor, BalanceMinor: balance, Currency: d.Currency},
		}
	}
	return []news{side(d.SrcAccountID, d.SrcBalanceMinor), side(d.DstAccountID, d.DstBalanceMinor)}
}

func ofBankTransaction(d events.BankTransactionCompleted) news {
	kind := notification.BankCredited
	if d.Direction == events.Debit {
		kind = notification.BankDebited
	}
	return news{
		kind: kind, subjectID: d.TransactionID, accountID: d.DstAccountID,
		content: notification.Content{AccountID: d.DstAccountID, AmountMinor: d.AmountMinor, BalanceMinor: d.BalanceMinor, Currency: d.Currency},
	}
}
