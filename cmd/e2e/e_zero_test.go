//go:build e2e

package e2e

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/demo"
	"quittance.dev/events"
)

// F: a function that nobody called for a while has no pod; the next event starts
// one and is handled.
func TestAFunctionStartsFromZero(t *testing.T) {
	c := here(t)
	pods := func() int {
		return len(strings.Fields(kubectl(t, "get", "pods", "-l", "serving.knative.dev/service=closure-e", "-o", "jsonpath={.items[*].metadata.name}")))
	}
	eventually(t, 5*time.Minute, "closure-e has no pod", func() bool { return pods() == 0 })
	r, err := demo.Closing(t.Context(), c.play(uuid.NewString()))
	require.NoError(t, err)
	var waited float64
	require.NoError(t, c.owner.QueryRow(t.Context(), `
		select extract(epoch from i.done_at - o.created_at) from delivery.idempotency i join delivery.outbox o using (source, id)
		where i.consumer = 'closure-e' and i.type = $2 and o.partition_key = $1`, r.SavingsID, events.TypeClosureMambuClosed).Scan(&waited))
	require.Positive(t, pods())
	figures.add("closure-e from zero: its event was handled %.1f s after it was said (pod, exec, database, call to E)", waited)
	c.trueBooks(t)
}

// What the bank takes of the cluster's memory, by the kubelet's own account.
func TestMemoryOfTheBank(t *testing.T) {
	node := kubectl(t, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	var stats struct {
		Pods []struct {
			PodRef     struct{ Name, Namespace string }
			Containers []struct {
				Name   string
				Memory struct{ WorkingSetBytes int64 }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(kubectl(t, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/stats/summary")), &stats))
	sums, each := map[string]int64{}, []string{}
	for _, pod := range stats.Pods {
		if pod.PodRef.Namespace != namespace {
			continue
		}
		for _, container := range pod.Containers {
			kind := container.Name
			sums[kind] += container.Memory.WorkingSetBytes
			if kind == "function" {
				each = append(each, strings.Split(pod.PodRef.Name, "-0")[0]+" "+megabytes(container.Memory.WorkingSetBytes))
			}
		}
	}
	require.Positive(t, sums["function"])
	sort.Strings(each)
	for kind, sum := range sums {
		figures.add("memory of all containers %q: %s", kind, megabytes(sum))
	}
	figures.add("functions now: %s", strings.Join(each, ", "))
}

func megabytes(b int64) string {
	return strconv.FormatInt(b/1e6, 10) + " MB"
}
