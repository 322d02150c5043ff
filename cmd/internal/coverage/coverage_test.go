package coverage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/coverage"
)

func TestB32_AStatementCountsOnceAndIsCoveredByAnyTest(t *testing.T) {
	var p coverage.Profile
	for _, profile := range []string{
		"mode: atomic\nquittance.dev/a/x.go:1.1,2.2 3 0\nquittance.dev/a/x.go:3.1,4.2 1 7\n",
		"mode: atomic\nquittance.dev/a/x.go:1.1,2.2 3 1\nquittance.dev/a/x.go:3.1,4.2 1 0\n",
		"mode: set\nquittance.dev/b/y.go:1.1,2.2 4 0\n",
	} {
		require.NoError(t, p.Read(strings.NewReader(profile)))
	}
	require.Equal(t, coverage.Share{Name: "total", Covered: 4, Counted: 8}, p.Total())
	require.InDelta(t, 50, p.Total().Percent(), 0)
	require.Equal(t, []coverage.Share{{Name: "quittance.dev/b", Counted: 4}, {Name: "quittance.dev/a", Covered: 4, Counted: 4}}, p.Packages())
	require.NoError(t, p.Above(map[string]int{"quittance.dev/a": 100, "quittance.dev/b": 0}))
	err := p.Above(map[string]int{"quittance.dev/b": 1, "quittance.dev/c": 0})
	require.ErrorContains(t, err, "0.0 % of quittance.dev/b, its floor is 1 %")
	require.ErrorContains(t, err, "no statement of quittance.dev/c")
}

func TestWhatIsNoProfile(t *testing.T) {
	for _, text := range []string{"", "ok quittance.dev/a", "mode: atomic\nnonsense\n", "mode: atomic\na.go:1.1,2.2 x 0\n", "mode: atomic\na.go:1.1,2.2 1\n"} {
		require.Error(t, new(coverage.Profile).Read(strings.NewReader(text)), text)
	}
}
