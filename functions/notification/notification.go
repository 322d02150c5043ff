package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Kind is what a notification is about: the event that it tells of, without
// prefix and version, or that of its side which the customer sees.
type Kind string

// The kinds.
const (
	AccountClosed       Kind = "account.closed"
	ReceiptIssued       Kind = "receipt.issued"
	DepositCompleted    Kind = "deposit.completed"
	WithdrawalCompleted Kind = "withdrawal.completed"
	WithdrawalRejected  Kind = "withdrawal.rejected"
	TransferSent        Kind = "transfer.sent"
	TransferReceived    Kind = "transfer.received"
	BankDebited         Kind = "bank-transaction.debited"
	BankCredited        Kind = "bank-transaction.credited"
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{AccountClosed, ReceiptIssued, DepositCompleted, WithdrawalCompleted, WithdrawalRejected,
		TransferSent, TransferReceived, BankDebited, BankCredited}
}

// Channel is the way to the customer.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// State of a notification; the package's page has the picture.
type State string

// The states.
const (
	Pending State = "pending"
	Sending State = "sending"
	Sent    State = "sent"
	Failed  State = "failed"
	Parked  State = "parked"
	Expired State = "expired"
)

// Content is what the text is made of. Ids and amounts, never a name, an
// address or free text of a person.
type Content struct {
	AccountID     string         `json:"account_id,omitempty"`
	InvoiceID     string         `json:"invoice_id,omitempty"`
	ReceiptNumber string         `json:"receipt_number,omitempty"`
	AmountMinor   int64          `json:"amount_minor,omitempty"`
	BalanceMinor  int64          `json:"balance_minor,omitempty"` // after the posting
	Currency      money.Currency `json:"currency,omitempty"`
	Reason        events.Reason  `json:"reason,omitempty"` // of a refusal
}

// Notification is one row.
type Notification struct {
	ID         string
	Kind       Kind
	SubjectID  string // the entity it is about
	Channel    Channel
	CustomerID string
	Content    Content
	State      State
	ProviderID string // what finds the message on the other side, once sent
	LastError  string // why it failed or was parked; free of personal data
	ExpiresAt  time.Time
	ClaimedAt  time.Time // of the claim that stands; zero while pending
	SentAt     time.Time // zero unless sent
}

// Errors of this package.
var (
	// ErrNotFound: there is no such notification.
	ErrNotFound = errors.New("notification not found")
	// ErrMoved: the row is no longer in the state that the step starts from.
	ErrMoved = errors.New("the notification has moved on")
)

// ID of the one notification of a kind about a subject over a channel.
func ID(kind Kind, subjectID string, channel Channel) string {
	return fn.DeriveID("notification", string(kind), subjectID, string(channel))
}

// Add inserts notifications that are not there yet, pending, and returns the
// ids of the new ones. ID is derived here; what else is set is Kind, SubjectID,
// Channel, CustomerID, Content and ExpiresAt.
func Add(ctx context.Context, tx fn.Tx, list []Notification) (map[string]bool, error) {
	sorted := slices.Clone(list) // so that concurrent inserts wait in one order
	for i := range sorted {
		sorted[i].ID = ID(sorted[i].Kind, sorted[i].SubjectID, sorted[i].Channel)
	}
	slices.SortFunc(sorted, func(a, b Notification) int { return strings.Compare(a.ID, b.ID) })
	var ids, kinds, subjects, channels, customers, contents []string
	var expiries []time.Time
	for _, n := range sorted {
		content, err := json.Marshal(n.Content)
		if err != nil {
			return nil, fmt.Errorf("encode content: %w", err)
		}
		ids, kinds, subjects = append(ids, n.ID), append(kinds, string(n.Kind)), append(subjects, n.SubjectID)
		channels, customers = append(channels, string(n.Channel)), append(customers, n.CustomerID)
		contents, expiries = append(contents, string(content)), append(expiries, n.ExpiresAt)
	}
	rows, err := tx.Query(ctx, `
		insert into notification.notification (id, kind, subject_id, channel, customer_id, content, expires_at, created_at)
		select n.*, $8
		from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::jsonb[], $7::timestamptz[]) n
		on conflict on constraint notification_once do nothing
		returning id::text`, ids, kinds, subjects, channels, customers, contents, expiries, tx.Now())
	if err != nil {
		return nil, fmt.Errorf("add notifications: %w", err)
	}
	added := make(map[string]bool, len(ids))
	var id string
	if _, err = pgx.ForEachRow(rows, []any{&id}, func() error { added[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("add notifications: %w", err)
	}
	return added, nil
}

// Lock reads a notification and holds it until the transaction ends.
func Lock(ctx context.Context, tx fn.Tx, id string) (n Notification, err error) {
	var content []byte
	var claimed, sent *time.Time
	err = tx.QueryRow(ctx, `
		select id::text, kind, subject_id::text, channel, customer_id::text, content, state,
		       coalesce(provider_id, ''), coalesce(last_error, ''), expires_at, claimed_at, sent_at
		from notification.notification where id = $1 for update`, id).
		Scan(&n.ID, &n.Kind, &n.SubjectID, &n.Channel, &n.CustomerID, &content, &n.State,
			&n.ProviderID, &n.LastError, &n.ExpiresAt, &claimed, &sent)
	if errors.Is(err, pgx.ErrNoRows) {
		return n, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return n, fmt.Errorf("lock notification: %w", err)
	}
	if err := json.Unmarshal(content, &n.Content); err != nil {
		return n, fmt.Errorf("content of notification %s: %w", id, err)
	}
	n.ExpiresAt = n.ExpiresAt.UTC()
	if claimed != nil {
		n.ClaimedAt = claimed.UTC()
	}
	if sent != nil {
		n.SentAt = sent.UTC()
	}
	return n, nil
}
