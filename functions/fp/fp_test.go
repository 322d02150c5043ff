package fp_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fp"
)

func TestHit(t *testing.T) {
	t.Parallel()
	require.NoError(t, fp.Hit(t.Context(), "nobody.asks"))
	require.Equal(t, t.Context(), fp.With(t.Context(), nil))
	died := errors.New("died")
	var asked []string
	ctx := fp.With(t.Context(), func(point string) error {
		asked = append(asked, point)
		if point == "here" {
			return died
		}
		return nil
	})
	require.NoError(t, fp.Hit(ctx, "there"))
	require.ErrorIs(t, fp.Hit(ctx, "here"), died)
	require.Equal(t, []string{"there", "here"}, asked)
}
