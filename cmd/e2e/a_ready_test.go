//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/manifests"
)

// readiness are the kinds that tell whether they work, and what that is called.
var readiness = []struct{ group, kind, condition string }{
	{"eventing.knative.dev", "Broker", "Ready"},
	{"eventing.knative.dev", "Trigger", "Ready"},
	{"serving.knative.dev", "Service", "Ready"},
	{"sources.knative.dev", "PingSource", "Ready"},
	{"sources.knative.dev", "SinkBinding", "Ready"},
	{"apps", "Deployment", "Available"},
	{"batch", "Job", "Complete"},
}

// A28, F: every Broker, Trigger, Service, PingSource, SinkBinding, the relay and
// the migration of the manifests is on the cluster and says Ready, each by its
// name; and no Broker, Trigger or timer is there that the manifests do not have.
func TestA28_EverythingIsReady(t *testing.T) {
	set, err := manifests.Render("../../infra/overlays/kind")
	require.NoError(t, err)
	for _, one := range readiness {
		var wanted []string
		for _, o := range set.Of(one.group, one.kind) {
			wanted = append(wanted, o.Name)
		}
		require.NotEmpty(t, wanted, one.kind)
		have := conditions(t, one.kind+"."+one.group, one.condition)
		for _, name := range wanted {
			require.Equal(t, "True", have[name], "%s %s: %s", one.kind, name, one.condition)
		}
		for name := range have {
			// Serving makes Deployments of its own, one for each revision.
			if one.kind != "Deployment" {
				require.Contains(t, wanted, name, "a %s that the manifests do not have", one.kind)
			}
		}
		slices.Sort(wanted)
		figures.add("%d %s %s: %v", len(wanted), one.kind, one.condition, wanted)
	}
}

// conditions are the objects of a kind by their names, with the status of a
// condition, which is empty while it is not there.
func conditions(t *testing.T, kind, condition string) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(kubectl(t, "get", kind, "-o", "json")), &list))
	out := map[string]string{}
	for _, item := range list.Items {
		out[item.Metadata.Name] = ""
		for _, c := range item.Status.Conditions {
			if c.Type == condition {
				out[item.Metadata.Name] = c.Status
			}
		}
	}
	return out
}
