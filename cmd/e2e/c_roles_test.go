//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// A28, C2: with what lies in a function's own Secret, the database can be used
// as that function and as nobody else, and as that function it refuses what is
// not the function's.
func TestA28_AFunctionCannotUseTheDatabaseAsAnother(t *testing.T) {
	c := here(t)
	functions := []string{"notification", "api", "ledger-posting", "closure-e"}
	role := func(function string) string { return "quittance_" + strings.ReplaceAll(function, "-", "_") }
	var refused *pgconn.PgError
	for _, function := range functions {
		password, authority := string(secret(t, "postgres-"+function, "password")), secret(t, "postgres-"+function, "ca.crt")
		own, err := connect(t.Context(), c.postgres.Address, role(function), password, authority)
		require.NoError(t, err, function)
		t.Cleanup(own.Close)
		others := slices.DeleteFunc(append(slices.Clone(functions), "relay"), func(other string) bool { return other == function })
		_, err = own.Exec(t.Context(), map[string]string{
			"notification": `select from ledger.entry`, "api": `update ledger.account set balance_minor = 1`,
			"ledger-posting": `delete from ledger.journal`, "closure-e": `select from accounts.customer`,
		}[function])
		require.ErrorAs(t, err, &refused, function)
		require.Equal(t, "42501", refused.Code)
		for _, other := range others {
			_, err = own.Exec(t.Context(), "set role "+role(other))
			require.ErrorAs(t, err, &refused, "%s becomes %s", function, other)
			require.Equal(t, "42501", refused.Code)
		}
		for _, other := range others { // last: a refused connection ends the forwarding
			_, err := connect(t.Context(), c.postgres.Address, role(other), password, authority)
			require.ErrorAs(t, err, &refused, "%s as %s", function, other)
			require.Equal(t, "28P01", refused.Code)
		}
	}
	figures.add("database: %d functions' passwords open their own role only", len(functions))
}

// A28: no function's pod has a token of the cluster, a way to write to its own
// files or another user than its own.
func TestA28_PodsHaveNothingTheyDoNotNeed(t *testing.T) {
	pods := strings.Split(kubectl(t, "get", "pods", "-l", "app.kubernetes.io/component=function", "-o",
		`jsonpath={range .items[*]}{.metadata.name} token={.spec.automountServiceAccountToken} account={.spec.serviceAccountName} `+
			`readonly={.spec.containers[0].securityContext.readOnlyRootFilesystem} nonroot={.spec.containers[0].securityContext.runAsNonRoot} `+
			`caps={.spec.containers[0].securityContext.capabilities.drop[0]}{"\n"}{end}`), "\n")
	require.NotEmpty(t, pods)
	for _, pod := range pods {
		require.Regexp(t, `token=false account=[a-z-]+ readonly=true nonroot=true caps=ALL$`, pod)
		require.NotContains(t, pod, "account=default")
	}
}
