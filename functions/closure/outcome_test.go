package closure_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/closure"
)

func TestWeigh(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		now       closure.State
		attempt   int // of the answer; the closure's is 2
		confirmed bool
		want      closure.Outcome
	}{
		{"confirmed", closure.ClosingMambu, 2, true, closure.Confirmed},
		{"refused", closure.ClosingMambu, 2, false, closure.Refused},
		{"confirmed, said to an earlier attempt", closure.ClosingMambu, 1, true, closure.Confirmed},
		{"refused, said to an earlier attempt", closure.ClosingMambu, 1, false, closure.Late},
		{"confirmed twice", closure.MambuClosed, 2, true, closure.Late},
		{"refused after it was confirmed", closure.ClosingE, 2, false, closure.Late},
		{"confirmed after it was parked", closure.Parked, 2, true, closure.Late},
		{"refused twice", closure.Parked, 2, false, closure.Late},
	} {
		got := closure.Closure{State: c.now, Attempt: 2}.Weigh(closure.ClosingMambu, c.attempt, c.confirmed)
		require.Equal(t, c.want, got, c.name)
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	require.True(t, closure.Closed.After(closure.EClosed))
	require.True(t, closure.MambuClosed.After(closure.ClosingMambu))
	require.False(t, closure.ClosingMambu.After(closure.ClosingMambu))
	require.False(t, closure.Open.After(closure.ClosingMambu))
	require.False(t, closure.Parked.After(closure.Open), "a parked closure may have been refused at either system")
}

func TestA22_OneClosureIDPerAccountAndItIsAUUID(t *testing.T) {
	t.Parallel()
	one, other := uuid.NewString(), uuid.NewString()
	require.Equal(t, closure.ID(one), closure.ID(one))
	require.NotEqual(t, closure.ID(one), closure.ID(other))
	require.NoError(t, uuid.Validate(closure.ID(one)))
}
