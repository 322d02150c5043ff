package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/lint"
	"quittance.dev/cmd/internal/manifests"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// What the code lacks, or has and nobody deploys, is a finding too.
func TestF01_WhatTheCodeLacksIsFound(t *testing.T) {
	local, err := manifests.Render(root + "/infra/overlays/local")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(*lint.Code)
		says   string
	}{
		"a consumer that the catalogue lacks": {func(c *lint.Code) {
			for i := range c.Catalogue {
				if c.Catalogue[i].Type == events.TypeInvoicePaid {
					c.Catalogue[i].Hears = []string{"ledger-posting"}
				}
			}
		}, "not-heard: Trigger receipt-payments: the catalogue says nothing of receipt hearing dev.quittance.invoice.paid.v1"},
		"a handler that no constructor made": {func(c *lint.Code) {
			i := slices.IndexFunc(c.Functions, func(f fn.Function) bool { return f.Name == "api" })
			c.Functions = slices.Clone(c.Functions)
			c.Functions[i].Handlers = []fn.Handler{{}}
		}, "idempotent: the function api has a handler that none of the kernel's constructors made"},
		"a function that nobody deploys": {func(c *lint.Code) {
			c.Functions = append(c.Functions, fn.Function{Name: "advances", Handlers: c.Functions[0].Handlers})
		}, "function: there is no Service advances"},
		"no main": {func(c *lint.Code) { c.Mains = without(c.Mains, "quittance.dev/functions/cmd/query") }, "image: Service query: there is no program quittance.dev/functions/cmd/query"},
		"no role": {func(c *lint.Code) { c.Roles = without(c.Roles, "closure_e") }, "role: Service closure-e: no migration makes a role quittance_closure_e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := code(t)
			c.change(changed)
			findings := lint.Check(local, nil, changed)
			require.Len(t, findings, 1, "%v", findings)
			require.Contains(t, findings[0].String(), c.says)
		})
	}
}

// Only all deployments together show what is built or written for nobody.
func TestF01_WhatNobodyDeploysIsFound(t *testing.T) {
	changed := code(t)
	changed.Mains = append(changed.Mains, "quittance.dev/functions/cmd/advances")
	changed.Built = append(without(changed.Built, "ko://quittance.dev/functions/cmd/api"), "ko://x")
	findings, err := lint.Tree(root+"/infra", changed)
	require.NoError(t, err)
	require.Equal(t, []lint.Finding{
		{File: "functions/cmd/advances/main.go", Line: 1, Rule: "function", Message: "nothing deployed runs this program"},
		{File: "skaffold.yaml", Line: 1, Rule: "skaffold", Message: "builds ko://x, which nothing runs"},
		{File: "skaffold.yaml", Line: 1, Rule: "skaffold", Message: "does not build ko://quittance.dev/functions/cmd/api"},
	}, findings)
}

// A file of rendered manifests is judged like a folder.
func TestRenderedManifestsAreJudgedToo(t *testing.T) {
	findings := lint.File("standard input", []byte(strings.TrimLeft(`
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata:
  name: money
  annotations:
    eventing.knative.dev/broker.class: on
`, "\n")), code(t))
	require.Equal(t, []lint.Finding{{
		File: "standard input", Line: 6, Rule: "unquoted",
		Message: "metadata.annotations.eventing.knative.dev/broker.class is a string, but on is a boolean in YAML: quote it",
	}}, findings)
}
