//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
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

// B29: whoever can reach a Broker can post, but not in the bank's name. An event
// of the archive without its signature, as a new event, is refused by those that
// move money, and nothing moves.
func TestB29_AForgedEventMovesNothing(t *testing.T) {
	c := here(t)
	said := c.said(t)
	at := slices.IndexFunc(said, func(e fn.Envelope) bool { return e.Type == events.TypeDepositRequested })
	require.GreaterOrEqual(t, at, 0, "the journeys were played before")
	forged := said[at]
	forged.ID = uuid.NewString()
	before := c.count(t, `select count(*) from ledger.journal`)
	status, err := c.postAsItIs(t.Context(), forged)
	require.NoError(t, err)
	require.Equal(t, 2, status/100, "the Broker takes everything")
	eventually(t, time.Minute, "the forged event is a dead letter", func() bool {
		return c.count(t, `select count(*) from delivery.dead_letter where event_id = $1 and consumer = 'ledger-posting'`, forged.ID) == 1
	})
	require.Equal(t, before, c.count(t, `select count(*) from ledger.journal`))
	_, err = c.owner.Exec(t.Context(), `update delivery.dead_letter set status = 'discarded' where event_id = $1`, forged.ID)
	require.NoError(t, err)
	figures.add("an event without the bank's signature: dead letter, nothing posted")
}
