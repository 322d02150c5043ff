package operations

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
)

// memoryBook is a Book without a database: what was written, and an answer.
type memoryBook struct {
	finished []banking.Operation
	opened   []banking.Account
	closed   []string
	answer   error
}

func (b *memoryBook) Finish(_ context.Context, _ fn.Tx, ops []banking.Operation) error {
	b.finished = append(b.finished, ops...)
	return b.answer
}

func (b *memoryBook) AccountsOpened(_ context.Context, _ fn.Tx, accounts []banking.Account) error {
	b.opened = append(b.opened, accounts...)
	return b.answer
}

func (b *memoryBook) AccountsClosed(_ context.Context, _ fn.Tx, ids []string) error {
	b.closed = append(b.closed, ids...)
	return b.answer
}

// TestB25_TheRoomWorksOnAnyBook runs a handler with nothing but memory.
func TestB25_TheRoomWorksOnAnyBook(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	book := &memoryBook{}
	r := room{book}
	require.NoError(t, r.depositsCompleted(context.Background(), fn.Tx{}, []fn.In[events.DepositCompleted]{
		{Time: at, Data: events.DepositCompleted{OperationID: "1", AccountID: "a", AmountMinor: 7, Currency: "EUR", BalanceMinor: 9}},
		{Time: at, Data: events.DepositCompleted{OperationID: "2", AccountID: "b", AmountMinor: 8, Currency: "CHF", BalanceMinor: 8}},
	}))
	require.Equal(t, []banking.Operation{
		{ID: "1", Kind: banking.Deposit, AccountID: "a", AmountMinor: 7, Currency: "EUR", State: banking.Completed, BalanceMinor: 9, RequestedAt: at},
		{ID: "2", Kind: banking.Deposit, AccountID: "b", AmountMinor: 8, Currency: "CHF", State: banking.Completed, BalanceMinor: 8, RequestedAt: at},
	}, book.finished)

	book.answer = errors.New("the disk is full")
	err := r.depositsRejected(context.Background(), fn.Tx{}, make([]fn.In[events.DepositRejected], 1))
	require.Equal(t, book.answer, err, "an ordinary error asks for another try")
	book.answer = banking.ErrDiffers
	err = r.depositsRejected(context.Background(), fn.Tx{}, make([]fn.In[events.DepositRejected], 1))
	require.ErrorIs(t, err, banking.ErrDiffers)
	require.Equal(t, fn.Permanent(banking.ErrDiffers), err)
}
