package eventdocs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/eventdocs"
	"quittance.dev/events"
)

const root = "../../../events"

func TestGeneratedFilesAreFresh(t *testing.T) {
	stale, err := eventdocs.Stale(root)
	require.NoError(t, err)
	require.Empty(t, stale, "run `make generate`")
	old, err := filepath.Glob(filepath.Join(root, "schemas", "*.json"))
	require.NoError(t, err)
	require.Len(t, old, len(events.Catalogue()), "a schema without a type")
}

// The published schemas accept the golden samples, and refuse them with any one
// member taken away or spoiled.
func TestSchemasAgreeWithTheSamples(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	for _, e := range events.Catalogue() {
		t.Run(string(e.Type), func(t *testing.T) {
			schema, err := compiler.Compile(filepath.Join(root, "schemas", string(e.Type)+".json"))
			require.NoError(t, err)
			body, err := os.ReadFile(filepath.Join(root, "testdata", string(e.Type)+".json"))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(read(t, body)))
			for member := range read(t, body).(map[string]any) {
				without := read(t, body).(map[string]any)
				delete(without, member)
				require.Error(t, schema.Validate(without), "without %s", member)
				spoiled := read(t, body).(map[string]any)
				spoiled[member] = []any{}
				require.Error(t, schema.Validate(spoiled), "spoiled %s", member)
			}
		})
	}
}

func read(t *testing.T, body []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	return v
}
