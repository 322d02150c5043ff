package notification_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/notification"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is the function's own view of the table.
type table struct {
	t    *testing.T
	host *fn.Host
}

func open(t *testing.T, db *pgtest.DB) table {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: "notification"}, db.Pool("quittance_notification"), fn.Options{})
	t.Cleanup(host.Close)
	return table{t, host}
}

func (b table) try(work func(context.Context, fn.Tx) error) error {
	b.t.Helper()
	_, err := b.host.Transact(context.Background(), uuid.NewString(), "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	return err
}

func (b table) add(list ...notification.Notification) (added map[string]bool) {
	b.t.Helper()
	require.NoError(b.t, b.try(func(ctx context.Context, tx fn.Tx) (err error) {
		added, err = notification.Add(ctx, tx, list)
		return err
	}))
	return added
}

func (b table) read(id string) (n notification.Notification) {
	b.t.Helper()
	require.NoError(b.t, b.try(func(ctx context.Context, tx fn.Tx) (err error) {
		n, err = notification.Lock(ctx, tx, id)
		return err
	}))
	return n
}

func fresh() notification.Notification {
	return notification.Notification{
		Kind: notification.WithdrawalRejected, SubjectID: uuid.NewString(), Channel: notification.SMS, CustomerID: uuid.NewString(),
		Content: notification.Content{
			AccountID: uuid.NewString(), InvoiceID: uuid.NewString(), ReceiptNumber: "R-1", AmountMinor: 7, BalanceMinor: 8,
			Currency: "EUR", Reason: events.InsufficientFunds,
		},
		ExpiresAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// TestB18_OneRowPerKindSubjectAndChannel adds the same thing again, alone and
// within one list, and every neighbour of it.
func TestB18_OneRowPerKindSubjectAndChannel(t *testing.T) {
	t.Parallel()
	b := open(t, pgtest.New(t))
	n := fresh()
	id := notification.ID(n.Kind, n.SubjectID, n.Channel)
	require.Equal(t, map[string]bool{id: true}, b.add(n, n))
	require.Empty(t, b.add(n))
	byMail, other, elsewhere := n, n, n
	byMail.Channel, other.Kind, elsewhere.SubjectID = notification.Email, notification.WithdrawalCompleted, uuid.NewString()
	require.Len(t, b.add(n, byMail, other, elsewhere), 3)

	n.ID, n.State = id, notification.Pending
	require.Equal(t, n, b.read(id))
}

// TestEachStepStartsFromItsState tries every step from every state.
func TestEachStepStartsFromItsState(t *testing.T) {
	t.Parallel()
	type step func(context.Context, fn.Tx, string) error
	confirm := func(ctx context.Context, tx fn.Tx, id string) error {
		return notification.Confirm(ctx, tx, id, "provider's")
	}
	fail := func(ctx context.Context, tx fn.Tx, id string) error {
		return notification.Fail(ctx, tx, id, "a reason")
	}
	park := func(ctx context.Context, tx fn.Tx, id string) error {
		return notification.Park(ctx, tx, id, "a doubt")
	}
	steps := map[string]struct {
		do   step
		from []notification.State
		to   notification.State
	}{
		"claim":     {notification.Claim, []notification.State{notification.Pending}, notification.Sending},
		"take back": {notification.TakeBack, []notification.State{notification.Sending}, notification.Pending},
		"confirm":   {confirm, []notification.State{notification.Sending}, notification.Sent},
		"fail":      {fail, []notification.State{notification.Pending, notification.Sending}, notification.Failed},
		"park":      {park, []notification.State{notification.Sending}, notification.Parked},
		"expire":    {notification.Expire, []notification.State{notification.Pending}, notification.Expired},
	}
	ways := map[notification.State][]step{
		notification.Pending: nil, notification.Sending: {notification.Claim}, notification.Sent: {notification.Claim, confirm},
		notification.Failed: {fail}, notification.Parked: {notification.Claim, park}, notification.Expired: {notification.Expire},
	}
	b := open(t, pgtest.New(t))
	for state, way := range ways {
		for name, s := range steps {
			n := fresh()
			id := notification.ID(n.Kind, n.SubjectID, n.Channel)
			b.add(n)
			for _, do := range way {
				require.NoError(t, b.try(func(ctx context.Context, tx fn.Tx) error { return do(ctx, tx, id) }))
			}
			err := b.try(func(ctx context.Context, tx fn.Tx) error { return s.do(ctx, tx, id) })
			got := b.read(id)
			if slices.Contains(s.from, state) {
				require.NoError(t, err, "%s from %s", name, state)
				require.Equal(t, s.to, got.State)
				require.Equal(t, s.to == notification.Sent, !got.SentAt.IsZero())
			} else {
				require.ErrorIs(t, err, notification.ErrMoved, "%s from %s", name, state)
				require.Equal(t, state, got.State)
			}
		}
	}
}

// TestTheTableHoldsTheRulesToo: whoever writes, a final state is final.
func TestTheTableHoldsTheRulesToo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := open(t, db)
	n := fresh()
	id := notification.ID(n.Kind, n.SubjectID, n.Channel)
	b.add(n)
	for _, do := range []func(context.Context, fn.Tx) error{
		func(ctx context.Context, tx fn.Tx) error { return notification.Claim(ctx, tx, id) },
		func(ctx context.Context, tx fn.Tx) error { return notification.Confirm(ctx, tx, id, "x") },
	} {
		require.NoError(t, b.try(do))
	}
	_, err := db.Pool("").Exec(context.Background(), "update notification.notification set state = 'pending', sent_at = null")
	require.ErrorContains(t, err, "does not go from sent to pending")
	require.ErrorIs(t, b.try(func(ctx context.Context, tx fn.Tx) error {
		_, err := notification.Lock(ctx, tx, uuid.NewString())
		return err
	}), notification.ErrNotFound)
}
