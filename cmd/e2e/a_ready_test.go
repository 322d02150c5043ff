//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
)

// A28, F: every Broker, Trigger, Service and PingSource says Ready, and there is
// a Trigger for everything that the code hears.
func TestA28_EverythingIsReady(t *testing.T) {
	for kind, least := range map[string]int{
		"brokers.eventing.knative.dev": len(brokers()), "triggers.eventing.knative.dev": len(events.Subscriptions()),
		"services.serving.knative.dev": len(events.Subscriptions()), "pingsources.sources.knative.dev": 2,
	} {
		lines := strings.Fields(kubectl(t, "get", kind, "-o", `jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`))
		require.GreaterOrEqual(t, len(lines), least, kind)
		for _, line := range lines {
			require.Regexp(t, `=True$`, line, kind)
		}
		figures.add("%d %s Ready", len(lines), strings.Split(kind, ".")[0])
	}
}

func brokers() map[events.Broker]bool {
	all := map[events.Broker]bool{}
	for _, entry := range events.Catalogue() {
		all[entry.Broker] = true
	}
	return all
}
