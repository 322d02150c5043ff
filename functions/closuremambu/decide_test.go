package closuremambu

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/ledger"
)

func TestDecideStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		account ledger.Account
		found   bool
		may     bool
		reason  events.Reason
	}{
		{"frozen and empty", ledger.Account{Status: "closing"}, true, true, ""},
		{"money left", ledger.Account{Status: "open", BalanceMinor: 1}, true, false, events.BalanceNotZero},
		{"below zero", ledger.Account{Status: "open", BalanceMinor: -1}, true, false, events.BalanceNotZero},
		{"empty but not frozen", ledger.Account{Status: "open"}, true, false, events.AccountIsOpen},
		{"closed long ago", ledger.Account{Status: "closed"}, true, false, ""},
		{"not there", ledger.Account{}, false, false, events.AccountNotFound},
		{"a status from the future", ledger.Account{Status: "frozen"}, true, false, events.AccountIsOpen},
	} {
		may, reason := decideStart(c.account, c.found)
		require.Equal(t, c.may, may, c.name)
		require.Equal(t, c.reason, reason, c.name)
	}
}

func TestDecideTurn(t *testing.T) {
	t.Parallel()
	for state, want := range map[closure.State]bool{
		closure.ClosingMambu: true,
		closure.MambuClosed:  false, closure.ClosingE: false, closure.EClosed: false, closure.Closed: false, closure.Parked: false,
	} {
		turn, err := decideTurn(state)
		require.NoError(t, err, state)
		require.Equal(t, want, turn, state)
	}
	_, err := decideTurn(closure.Open)
	require.Error(t, err, "nobody said that it started")
}

func TestA18_TheKeyIsTheClosureIDUntilMambuRefuses(t *testing.T) {
	t.Parallel()
	c := closure.Closure{ID: closure.ID(uuid.NewString()), Attempt: 1}
	require.Equal(t, c.ID, key(c))
	c.Attempt = 2
	second := key(c)
	require.NotEqual(t, c.ID, second)
	require.NoError(t, uuid.Validate(second), "Mambu takes UUIDs only")
	require.Equal(t, second, key(c))
	c.Attempt = 3
	require.NotEqual(t, second, key(c))
}
