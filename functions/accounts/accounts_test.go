package accounts_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is a host as the api's role: Tx comes from the kernel only.
func open(t *testing.T) *fn.Host {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: "api"}, pgtest.New(t).Pool("quittance_api"), fn.Options{})
	t.Cleanup(host.Close)
	return host
}

func transact(t *testing.T, host *fn.Host, work func(context.Context, fn.Tx) error) error {
	t.Helper()
	_, err := host.Transact(context.Background(), "test", "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	return err
}

// me is a principal.
var me = uuid.NewString()

func customer() accounts.Customer {
	return accounts.Customer{ID: uuid.NewString(), Owner: me, Name: "Ada Example", Email: "ada@example.org", Phone: "+41790000000"}
}

func register(t *testing.T, host *fn.Host) accounts.Customer {
	t.Helper()
	var stored accounts.Customer
	require.NoError(t, transact(t, host, func(ctx context.Context, tx fn.Tx) (err error) {
		stored, _, err = accounts.Register(ctx, tx, customer())
		return err
	}))
	return stored
}

func TestRegisteringTheSameCustomerAgainChangesNothing(t *testing.T) {
	t.Parallel()
	host := open(t)
	c := customer()
	for try := range 3 {
		require.NoError(t, transact(t, host, func(ctx context.Context, tx fn.Tx) error {
			stored, created, err := accounts.Register(ctx, tx, c)
			if err != nil {
				return err
			}
			require.Equal(t, try == 0, created)
			require.Equal(t, c.Email, stored.Email)
			require.False(t, stored.CreatedAt.IsZero())
			return nil
		}))
	}
	other := c
	other.Phone = "+41790000001"
	require.ErrorIs(t, transact(t, host, func(ctx context.Context, tx fn.Tx) error {
		_, _, err := accounts.Register(ctx, tx, other)
		return err
	}), accounts.ErrDiffers)
	found, err := accounts.FindCustomer(context.Background(), host.Pool(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c.Phone, found.Phone)
}

func TestOpeningAnAccount(t *testing.T) {
	t.Parallel()
	host := open(t)
	c := register(t, host)
	a := accounts.Account{ID: uuid.NewString(), CustomerID: c.ID, Owner: me, Product: events.SimpleSavings, Currency: "EUR"}
	opening := func(a accounts.Account) (created bool, err error) {
		err = transact(t, host, func(ctx context.Context, tx fn.Tx) (err error) {
			_, created, err = accounts.Open(ctx, tx, a)
			return err
		})
		return created, err
	}
	created, err := opening(a)
	require.NoError(t, err)
	require.True(t, created)
	created, err = opening(a)
	require.NoError(t, err)
	require.False(t, created)

	other := a
	other.Product = events.Current
	_, err = opening(other)
	require.ErrorIs(t, err, accounts.ErrDiffers)
	nobody := accounts.Account{ID: uuid.NewString(), CustomerID: uuid.NewString(), Owner: me, Product: events.Current, Currency: "EUR"}
	_, err = opening(nobody)
	require.ErrorIs(t, err, accounts.ErrNotFound)
	somebodyElses := accounts.Account{ID: uuid.NewString(), CustomerID: c.ID, Owner: uuid.NewString(), Product: events.Current, Currency: "EUR"}
	_, err = opening(somebodyElses)
	require.ErrorIs(t, err, accounts.ErrNotFound, "B02: only for a customer of one's own")

	found, err := accounts.Find(context.Background(), host.Pool(), a.ID)
	require.NoError(t, err)
	require.Equal(t, events.SimpleSavings, found.Product)
}

func TestB12_AccountsOfACustomerAreListedPageByPage(t *testing.T) {
	t.Parallel()
	host := open(t)
	c, stranger := register(t, host), register(t, host)
	want := map[string]bool{}
	for i := range 25 {
		a := accounts.Account{ID: uuid.NewString(), CustomerID: c.ID, Owner: me, Product: events.Current, Currency: "EUR"}
		if i%5 == 4 {
			a.CustomerID = stranger.ID
		} else {
			want[a.ID] = true
		}
		require.NoError(t, transact(t, host, func(ctx context.Context, tx fn.Tx) error {
			_, _, err := accounts.Open(ctx, tx, a)
			return err
		}))
	}
	var place accounts.Place
	for pages := 0; ; pages++ {
		require.Less(t, pages, 10)
		page, err := accounts.List(context.Background(), host.Pool(), accounts.Filter{CustomerID: c.ID}, place, 7)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, a := range page {
			require.True(t, want[a.ID], "once, and only the customer's own")
			delete(want, a.ID)
			place = accounts.Place{OpenedAt: a.OpenedAt, ID: a.ID}
		}
	}
	require.Empty(t, want)
}

func TestTwentyRequestsAtOnceOpenOneAccount(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	hosts := make([]*fn.Host, 4) // several processes
	for i := range hosts {
		hosts[i] = fn.NewHost(fn.Function{Name: "api"}, db.Pool("quittance_api"), fn.Options{})
		t.Cleanup(hosts[i].Close)
	}
	c := register(t, hosts[0])
	a := accounts.Account{ID: uuid.NewString(), CustomerID: c.ID, Owner: me, Product: events.Current, Currency: "EUR"}
	var wg sync.WaitGroup
	outcomes := make(chan string, 20)
	for i := range 20 {
		wg.Go(func() {
			var created bool
			err := transact(t, hosts[i%len(hosts)], func(ctx context.Context, tx fn.Tx) (err error) {
				_, created, err = accounts.Open(ctx, tx, a)
				return err
			})
			outcomes <- fmt.Sprintf("created %t, error %v", created, err)
		})
	}
	wg.Wait()
	close(outcomes)
	count := map[string]int{}
	for o := range outcomes {
		count[o]++
	}
	require.Equal(t, map[string]int{"created true, error <nil>": 1, "created false, error <nil>": 19}, count)
}
