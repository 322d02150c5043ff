package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
)

// Direction is a direction in a body.
type Direction string

// Schema is for the document.
func (Direction) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Description: "debit takes from the account that is named first, credit gives to it.", Examples: []any{"debit"},
		// For readers only: in answers a problem of its own, which huma's check cannot.
		Extensions: map[string]any{"enum": []string{string(events.Debit), string(events.Credit)}},
	}
}

// known is the direction, if it is one. Its error is a *Problem.
func (d Direction) known() (events.Direction, error) {
	if direction := events.Direction(d); direction.Known() {
		return direction, nil
	}
	return "", invalidTransaction.problem(FieldError{Pointer: "/direction", Detail: "must be debit or credit"})
}

// Outcomes of a transaction.
const (
	succeeded = "success"
	failed    = "fail"
)

// NewTransfer is a transfer that somebody asks for.
type NewTransfer struct {
	SrcAccountID ID        `json:"src_account_id" doc:"The account that is named first."`
	DstAccountID ID        `json:"dst_account_id" doc:"The other one."`
	Amount       Positive  `json:"amount" doc:"In the currency of the account that is debited, in its major unit, read exactly: no exponent, no more fraction digits than the currency has."`
	Direction    Direction `json:"direction" doc:"debit takes from src and gives to dst; credit takes from dst and gives to src."`
}

// Transfer is one and what became of it.
type Transfer struct {
	TransactionID string           `json:"transaction_id" doc:"Names it."`
	Timestamp     Timestamp        `json:"transaction_timestamp" doc:"When it was decided, in UTC."`
	SrcAccountID  string           `json:"src_account_id" doc:"The account that is named first."`
	DstAccountID  string           `json:"dst_account_id" doc:"The other one."`
	Amount        Amount           `json:"amount" doc:"What was to be moved."`
	Direction     events.Direction `json:"direction" enum:"debit,credit" doc:"debit: from src to dst; credit: from dst to src."`
	Status        string           `json:"status" enum:"success,fail" doc:"Nothing has moved if it is fail."`
	Reason        events.Reason    `json:"reason,omitempty" doc:"Why it failed."`
}

// NewBankTransaction is what the bank takes or gives.
type NewBankTransaction struct {
	DstAccountID ID        `json:"dst_account_id" doc:"The customer's account. The other side is the bank's own."`
	Amount       Positive  `json:"amount" doc:"In the account's currency, in its major unit, read exactly: no exponent, no more fraction digits than the currency has."`
	Direction    Direction `json:"direction" doc:"debit takes from the customer, credit gives to the customer."`
	Reason       Text      `json:"reason" doc:"Why. It is kept, and told in no event."`
}

// BankTransaction is one and what became of it.
type BankTransaction struct {
	TransactionID string           `json:"transaction_id" doc:"Names it."`
	Timestamp     Timestamp        `json:"transaction_timestamp" doc:"When it was decided, in UTC."`
	DstAccountID  string           `json:"dst_account_id" doc:"The customer's account."`
	Amount        Amount           `json:"amount" doc:"What was to be moved."`
	Direction     events.Direction `json:"direction" enum:"debit,credit" doc:"debit: from the customer; credit: to the customer."`
	Status        string           `json:"status" enum:"success,fail" doc:"Nothing has moved if it is fail."`
	Reason        events.Reason    `json:"reason,omitempty" doc:"Why it failed."`
}

// Text is a reason in a body.
type Text string

// Schema is for the document and for huma's check.
func (Text) Schema(huma.Registry) *huma.Schema {
	least, most := 1, banking.MaxReason
	return &huma.Schema{
		Type: huma.TypeString, MinLength: &least, MaxLength: &most,
		Pattern: `^[^\x00]*[^\s\x00][^\x00]*$`, PatternDescription: "something to read, without the character NUL", Description: "Text for people.",
	}
}

func (a *api) transactionRoutes() {
	a.transferRoute()
	a.bankTransactionRoute()
	a.bankTransactionsRoute()
}

func (a *api) transferRoute() {
	type input struct {
		Keyed
		Body NewTransfer
	}
	registerAsked(a, huma.Operation{
		OperationID: "transfer", Method: http.MethodPost, Path: "/api/v1/transaction", Tags: []string{"Transactions"}, Security: allow(identity.Customer, identity.Service),
		Summary:     "Move money between two accounts",
		Description: "The answer tells what became of it. The account that is debited is yours, whichever of the two it is; the other may be anybody's. A refusal, such as of one that is not covered, is an answer with the status fail: it is kept, and the same key gives it again. A transfer into a simple-savings account is its one deposit; one that empties it closes it.",
	}, []kind{notFound, invalidAmount, invalidTransaction}, func(ctx context.Context, in *input, c *command) (asking[Transfer], error) {
		direction, err := in.Body.Direction.known()
		if err != nil {
			return asking[Transfer]{}, err
		}
		wanted := events.TransferRequested{
			TransactionID: c.id, SrcAccountID: string(in.Body.SrcAccountID), DstAccountID: string(in.Body.DstAccountID), Direction: direction,
		}
		if wanted.SrcAccountID == wanted.DstAccountID {
			return asking[Transfer]{}, invalidTransaction.problem(FieldError{Pointer: "/dst_account_id", Detail: "must be another account"})
		}
		debited, err := accounts.Find(ctx, a.host.Pool(), wanted.DebitedAccountID())
		if err == nil && debited.Owner != caller(ctx).ID {
			err = errNotFound
		}
		if err != nil {
			return asking[Transfer]{}, err
		}
		wanted.Currency = debited.Currency
		if wanted.AmountMinor, err = in.Body.Amount.in(debited.Currency); err != nil {
			return asking[Transfer]{}, err
		}
		var broken *events.FieldError
		if errors.As(wanted.Validate(), &broken) { // the other side's id may be one that nobody can have
			return asking[Transfer]{}, invalidContent.problem(FieldError{Pointer: "/" + broken.Field, Detail: broken.Rule})
		}
		return asking[Transfer]{
			event: wanted,
			record: func(ctx context.Context, tx fn.Tx) (bool, error) {
				return banking.RecordTransfer(ctx, tx, banking.Transfer{
					ID: c.id, SrcAccountID: wanted.SrcAccountID, DstAccountID: wanted.DstAccountID,
					Direction: direction, AmountMinor: wanted.AmountMinor, Currency: wanted.Currency,
				})
			},
			read: transferTold,
		}, nil
	})
}

// transferTold reads what the ledger said of a transfer.
func transferTold(said fn.Envelope) (Transfer, error) {
	if said.Type == events.TypeTransferCompleted {
		d, err := payloadOf[events.TransferCompleted](said)
		return Transfer{
			d.TransactionID, Timestamp{said.Time}, d.SrcAccountID, d.DstAccountID, amountOf(d.AmountMinor, d.Currency), d.Direction, succeeded, "",
		}, err
	}
	if said.Type == events.TypeTransferRejected {
		d, err := payloadOf[events.TransferRejected](said)
		return Transfer{
			d.TransactionID, Timestamp{said.Time}, d.SrcAccountID, d.DstAccountID, amountOf(d.AmountMinor, d.Currency), d.Direction, failed, d.Reason,
		}, err
	}
	return Transfer{}, unexpected(said)
}

func (a *api) bankTransactionRoute() {
	type input struct {
		Keyed
		Body NewBankTransaction
	}
	registerAsked(a, huma.Operation{
		OperationID: "bank-transaction", Method: http.MethodPost, Path: "/api/v1/bank_transactions", Tags: []string{"Transactions"}, Security: allow(identity.Treasury),
		Summary:     "Take money from a customer for the bank, or give it",
		Description: "The answer tells what became of it; its reason is why it failed. The reason of the request is kept.",
	}, []kind{notFound, invalidAmount, invalidTransaction}, func(ctx context.Context, in *input, c *command) (asking[BankTransaction], error) {
		direction, err := in.Body.Direction.known()
		if err != nil {
			return asking[BankTransaction]{}, err
		}
		account, err := accounts.Find(ctx, a.host.Pool(), string(in.Body.DstAccountID))
		if err != nil {
			return asking[BankTransaction]{}, err
		}
		minor, err := in.Body.Amount.in(account.Currency)
		if err != nil {
			return asking[BankTransaction]{}, err
		}
		return asking[BankTransaction]{
			event: events.BankTransactionRequested{
				TransactionID: c.id, DstAccountID: account.ID, Direction: direction, AmountMinor: minor, Currency: account.Currency,
			},
			record: func(ctx context.Context, tx fn.Tx) (bool, error) {
				return banking.RecordBankTransaction(ctx, tx, banking.BankTransaction{
					ID: c.id, AccountID: account.ID, Direction: direction, AmountMinor: minor, Currency: account.Currency,
					Reason: string(in.Body.Reason), AskedBy: c.by,
				})
			},
			read: bankTransactionTold, quiet: true, // whoever asks may not follow journeys
		}, nil
	})
}

// bankTransactionTold reads what the ledger said of a bank transaction.
func bankTransactionTold(said fn.Envelope) (BankTransaction, error) {
	if said.Type == events.TypeBankTransactionCompleted {
		d, err := payloadOf[events.BankTransactionCompleted](said)
		return BankTransaction{
			d.TransactionID, Timestamp{said.Time}, d.DstAccountID, amountOf(d.AmountMinor, d.Currency), d.Direction, succeeded, "",
		}, err
	}
	if said.Type == events.TypeBankTransactionRejected {
		d, err := payloadOf[events.BankTransactionRejected](said)
		return BankTransaction{
			d.TransactionID, Timestamp{said.Time}, d.DstAccountID, amountOf(d.AmountMinor, d.Currency), d.Direction, failed, d.Reason,
		}, err
	}
	return BankTransaction{}, unexpected(said)
}

// payloadOf reads what a function of ours said.
func payloadOf[D events.Data](said fn.Envelope) (d D, err error) {
	if err := json.Unmarshal(said.Data, &d); err != nil {
		return d, fmt.Errorf("%s: %w", said.Type, err)
	}
	if err := d.Validate(); err != nil {
		return d, fmt.Errorf("%s: %w", said.Type, err)
	}
	return d, nil
}

func unexpected(said fn.Envelope) error {
	return fn.Permanent(fmt.Errorf("an answer of the type %q", said.Type))
}
