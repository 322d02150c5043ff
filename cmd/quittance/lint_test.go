package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/lint"
)

// A finding is one line and the exit code, for people and for programs.
func TestLintCommand(t *testing.T) {
	run := func(input string, arguments ...string) (string, error) {
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"lint", "--root", "../.."}, arguments...))
		c.SetIn(strings.NewReader(input))
		c.SetOut(&out)
		err := c.Execute()
		return out.String(), err
	}
	const mistaken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: quittance}\ndata:\n  LOG_LEVEL: off\n"
	out, err := run(mistaken, "-")
	require.EqualError(t, err, "findings: 1")
	require.Equal(t, "standard input:5: unquoted: data.LOG_LEVEL is a string, but off is a boolean in YAML: quote it\n", out)

	out, err = run(mistaken, "--json", "-")
	require.EqualError(t, err, "findings: 1")
	var findings []lint.Finding
	require.NoError(t, json.Unmarshal([]byte(out), &findings))
	require.Len(t, findings, 1)
	require.Equal(t, 5, findings[0].Line)

	out, err = run("", "../../infra/overlays/kind")
	require.NoError(t, err)
	require.Empty(t, out)

	out, err = run("", "--json", "../../infra/overlays/local")
	require.NoError(t, err)
	require.Equal(t, "[]\n", out)

	out, err = run("", "--ready", "../../infra/overlays/kind")
	require.NoError(t, err)
	require.Empty(t, out)
	out, err = run("", "--ready", "../../infra/overlays/production")
	require.ErrorContains(t, err, "findings")
	require.Contains(t, out, "infra/overlays/production/platform.yaml:")
	require.Contains(t, out, "api.bank.example is an example")

	_, err = run("", "../../docs")
	require.EqualError(t, err, "../../docs is no kustomization and has no overlays")
}
