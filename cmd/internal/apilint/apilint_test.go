package apilint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/apilint"
	"quittance.dev/functions/api"
)

const discovery = "https://issuer.example/.well-known/openid-configuration"

// B30: the document has no finding.
func TestB30_TheDocumentIsLinted(t *testing.T) {
	document, err := api.Document(discovery)
	require.NoError(t, err)
	found, err := apilint.Lint(t.Context(), document)
	require.NoError(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

// Each of these mistakes is found.
func TestPlantedMistakesAreFound(t *testing.T) {
	document, err := api.Document(discovery)
	require.NoError(t, err)
	for name, c := range map[string][2]string{
		"an operation's name twice":       {`"operationId": "withdraw"`, `"operationId": "deposit"`},
		"a reference that leads nowhere":  {`"$ref": "#/components/schemas/Problem"`, `"$ref": "#/components/schemas/Nothing2"`},
		"a parameter nobody declares":     {`"name": "operation_id"`, `"name": "operation"`},
		"a tag that is not explained":     {`"Operations"`, `"Operation"`},
		"a type that is none":             {`"type": "number"`, `"type": "decimal"`},
		"a path with a slash at its end":  {`"/withdraw":`, `"/withdraw/":`},
		"a parameter without description": {`"description": "The operation."`, `"description": ""`},
	} {
		broken := strings.Replace(string(document), c[0], c[1], 1)
		require.NotEqual(t, string(document), broken, name)
		found, err := apilint.Lint(t.Context(), []byte(broken))
		require.True(t, err != nil || len(found) > 0, name)
	}
}

// An exception has a reason, and something to except.
func TestExceptionsAreNeeded(t *testing.T) {
	document, err := api.Document(discovery)
	require.NoError(t, err)
	all, err := apilint.All(t.Context(), document)
	require.NoError(t, err)
	for _, e := range apilint.Without() {
		require.NotEmpty(t, e.Why, e.Rule)
		require.True(t, slices.ContainsFunc(all, func(f apilint.Finding) bool {
			return f.Rule == e.Rule && (e.Match == nil || e.Match.MatchString(f.Text))
		}), "%s: nothing needs the exception any more", e.Rule)
	}
}
