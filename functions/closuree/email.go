package closuree

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/notification"
)

// aboutClosure picks the mail that tells a customer of a closed account. Its
// subject is the account.
func aboutClosure(d events.NotificationSent) bool {
	return d.Kind == string(notification.AccountClosed) && d.Channel == string(notification.Email)
}

// notified records that the customer has been told by mail.
func (r room) notified(ctx context.Context, tx fn.Tx, in fn.In[events.NotificationSent]) ([]events.Data, error) {
	if !aboutClosure(in.Data) {
		return nil, nil
	}
	accountID := in.Data.SubjectID
	c, err := closure.Lock(ctx, tx, closure.ID(accountID), accountID)
	if errors.Is(err, closure.ErrNotFound) || (err == nil && c.State != closure.Closed) {
		// Mail goes out after account.closed, so this is a mistake somewhere.
		return nil, fn.Permanent(fmt.Errorf("a mail says that account %s is closed, which it is not: %w", accountID, errNotClosed))
	}
	if err != nil {
		return nil, err
	}
	return nil, closure.MarkEmailed(ctx, tx, c)
}

var errNotClosed = errors.New("no closure of it has ended")
