package notify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/notification"
)

// news is something to tell a customer, before it is known which.
type news struct {
	kind      notification.Kind
	subjectID string
	accountID string // whose owner is told; or else
	invoiceID string // whose payer is told
	content   notification.Content
	// nobody says that the account may be unknown: then nobody is told.
	nobody bool
}

// tell makes the handler of an event that is news: it records whom to tell
// what, once per kind, subject and channel, and says so for each new row.
func tell[D events.Data](r room, newsOf func(D) news) fn.Handler {
	return tellAll(r, func(d D) []news { return []news{newsOf(d)} })
}

// tellAll is tell for an event that is news to several.
func tellAll[D events.Data](r room, newsOf func(D) []news) fn.Handler {
	return fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[D]) ([][]events.Data, error) {
		var list []news
		var whose []int // the event of each piece
		for i, in := range ins {
			for _, item := range newsOf(in.Data) {
				list, whose = append(list, item), append(whose, i)
			}
		}
		pieces, err := r.request(ctx, tx, list)
		if err != nil {
			return nil, err
		}
		said := make([][]events.Data, len(ins))
		for n, i := range whose {
			said[i] = append(said[i], pieces[n]...)
		}
		return said, nil
	})
}

// request records the notifications of each piece of news and returns what is
// said for it.
func (r room) request(ctx context.Context, tx fn.Tx, list []news) ([][]events.Data, error) {
	owners, err := ownersOf(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	payers, err := payersOf(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	wanted := make([][]notification.Notification, len(list))
	var all []notification.Notification
	for i, item := range list {
		customerID := owners[item.accountID]
		if item.invoiceID != "" {
			payer := payers[item.invoiceID]
			customerID, item.content.AmountMinor, item.content.Currency = payer.customerID, payer.amountMinor, payer.currency
		}
		switch {
		case customerID == "" && item.nobody:
			fn.Log(ctx).InfoContext(ctx, "nobody to tell", "kind", item.kind, "subject_id", item.subjectID)
			continue
		case customerID == "":
			return nil, fn.Permanent(fmt.Errorf("%s %s: nobody knows account %q or invoice %q", item.kind, item.subjectID, item.accountID, item.invoiceID))
		}
		wanted[i] = r.notifications(item, customerID, tx)
		all = append(all, wanted[i]...)
	}
	added, err := notification.Add(ctx, tx, all)
	if err != nil {
		return nil, err
	}
	said := make([][]events.Data, len(list))
	for i := range wanted {
		for _, n := range wanted[i] {
			if id := notification.ID(n.Kind, n.SubjectID, n.Channel); added[id] {
				delete(added, id) // said once, however often the batch holds the news
				said[i] = append(said[i], events.NotificationRequested{
					NotificationID: id, Kind: string(n.Kind), SubjectID: n.SubjectID, Channel: string(n.Channel),
				})
			}
		}
	}
	return said, nil
}

// notifications is one per channel of the policy.
func (r room) notifications(item news, customerID string, tx fn.Tx) []notification.Notification {
	rule := ruleFor(item.kind)
	ttl := rule.ttl
	if ttl == 0 {
		ttl = r.config.TTL
	}
	var list []notification.Notification
	for _, channel := range rule.channels {
		list = append(list, notification.Notification{
			Kind: item.kind, SubjectID: item.subjectID, Channel: channel,
			CustomerID: customerID, Content: item.content, ExpiresAt: tx.Now().Add(ttl),
		})
	}
	return list
}

// ownersOf finds whose the accounts are.
func ownersOf(ctx context.Context, tx fn.Tx, list []news) (map[string]string, error) {
	var ids []string
	for _, item := range list {
		if item.accountID != "" {
			ids = append(ids, item.accountID)
		}
	}
	owners := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return owners, nil
	}
	rows, err := tx.Query(ctx, `select id::text, customer_id::text from accounts.account where id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("find the owners: %w", err)
	}
	var id, customer string
	if _, err := pgx.ForEachRow(rows, []any{&id, &customer}, func() error { owners[id] = customer; return nil }); err != nil {
		return nil, fmt.Errorf("find the owners: %w", err)
	}
	return owners, nil
}

// payer is who pays an invoice, and how much.
type payer struct {
	customerID  string
	amountMinor int64
	currency    money.Currency
}

func payersOf(ctx context.Context, tx fn.Tx, list []news) (map[string]payer, error) {
	var ids []string
	for _, item := range list {
		if item.invoiceID != "" {
			ids = append(ids, item.invoiceID)
		}
	}
	payers := make(map[string]payer, len(ids))
	if len(ids) == 0 {
		return payers, nil
	}
	rows, err := tx.Query(ctx, `
		select id::text, customer_id::text, amount_minor, currency from invoicing.invoice where id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("find the payers: %w", err)
	}
	var id string
	var p payer
	if _, err := pgx.ForEachRow(rows, []any{&id, &p.customerID, &p.amountMinor, &p.currency}, func() error { payers[id] = p; return nil }); err != nil {
		return nil, fmt.Errorf("find the payers: %w", err)
	}
	return payers, nil
}
