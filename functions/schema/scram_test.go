package schema_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/schema"
)

// TestScramVerifier: RFC 7677 gives an example whose server key is known through
// the signature it makes; that Postgres takes what we compute is shown where a
// role signs in with it (functions/cmd/migrate).
func TestScramVerifier(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	require.NoError(t, err)
	verifier, err := schema.ScramWith("pencil", salt)
	require.NoError(t, err)
	require.Equal(t, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", verifier)

	one, err := schema.ScramVerifier("a password")
	require.NoError(t, err)
	other, err := schema.ScramVerifier("a password")
	require.NoError(t, err)
	require.NotEqual(t, one, other, "each has a salt of its own")
	for _, bad := range []string{"", "pässword", "a\x00b", "a\nb"} {
		_, err := schema.ScramVerifier(bad)
		require.Error(t, err, "%q", bad)
	}
}
