package lint_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/lint"
)

// Words that some reader of YAML takes for something else than text are refused
// where text is meant, and no others.
func TestUnquotedWords(t *testing.T) {
	c := code(t)
	given := func(value string) string {
		findings := lint.File("x.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  x: "+value+"\n"), c)
		for _, f := range findings {
			if f.Rule == "unquoted" {
				return f.Message
			}
		}
		return ""
	}
	for _, value := range []string{"yes", "n", "Off", "TRUE", "1", "-1.5", "1e3", "0x1f", "010", "1_000", "12:30", ".inf", "2026-11-20"} {
		require.Contains(t, given(value), "quote it", value)
	}
	for _, value := range []string{`"yes"`, "'1'", "|-\n    on", "8s", "1.2.3", "verify-full", "INFO", "oN", "yess", "!!str on", ""} {
		require.Empty(t, given(value), value)
	}
}
