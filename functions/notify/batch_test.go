package notify

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

// TestOneGroupHoldsTheSameNewsTwice: two events of one closing, in one
// transaction, ask for one mail.
func TestOneGroupHoldsTheSameNewsTwice(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), context.Background()
	customer, one, two := uuid.NewString(), uuid.NewString(), uuid.NewString()
	_, err := db.Pool("").Exec(ctx, `insert into accounts.customer (id, owner, name, email, phone) values ($1, $1, 'Ada', 'ada@example.org', '')`, customer)
	require.NoError(t, err)
	_, err = db.Pool("").Exec(ctx, `
		insert into accounts.account (id, customer_id, product, currency)
		select id, $1, 'current', 'EUR' from unnest($2::uuid[]) id`, customer, []string{one, two})
	require.NoError(t, err)
	host := fn.NewHost(New(Config{}, nil, nil), db.Pool("quittance_notification"), fn.Options{})
	defer host.Close()
	var said [][]events.Data
	_, err = host.Transact(ctx, "test", "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		closing := func(account string) news {
			return ofClosing(events.AccountClosed{AccountID: account, ClosureID: uuid.NewString()})
		}
		said, err = room{config: Config{}.withDefaults()}.request(ctx, tx, []news{closing(one), closing(one), closing(two), closing(one)})
		return nil, err
	})
	require.NoError(t, err)
	require.Len(t, said, 4)
	require.Len(t, said[0], 1)
	require.Empty(t, said[1])
	require.Len(t, said[2], 1)
	require.Empty(t, said[3])
}
