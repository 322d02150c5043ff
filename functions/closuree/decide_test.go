package closuree

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/closure"
)

func TestDecideTurn(t *testing.T) {
	t.Parallel()
	for state, want := range map[closure.State]turn{
		closure.MambuClosed: begins,
		closure.ClosingE:    goesOn,
		closure.EClosed:     over, closure.Closed: over, closure.Parked: over,
	} {
		got, err := decideTurn(state)
		require.NoError(t, err, state)
		require.Equal(t, want, got, state)
	}
	for _, early := range []closure.State{closure.Open, closure.ClosingMambu} {
		_, err := decideTurn(early)
		require.Error(t, err, "A06: Mambu has not confirmed in %s", early)
	}
}

func TestA19_TheKeyIsDerivedFromTheClosureAndIsNotMambus(t *testing.T) {
	t.Parallel()
	c := closure.Closure{ID: closure.ID(uuid.NewString()), Attempt: 1}
	first := key(c)
	require.NotEqual(t, c.ID, first)
	require.NoError(t, uuid.Validate(first))
	require.Equal(t, first, key(c))
	c.Attempt = 2
	require.NotEqual(t, first, key(c))
	require.NoError(t, uuid.Validate(key(c)))
}
