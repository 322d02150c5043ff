//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/demo"
	"quittance.dev/events"
)

// F07: a function that nobody called for a while has no pod; the next event
// starts one and is handled. How long that takes is told by the clock of this
// test, which looks at what others can see: from the moment at which an event for
// the function stands in the outbox, to the one at which the function's row says
// that it is handled.
func TestAFunctionStartsFromZero(t *testing.T) {
	c := here(t)
	eventually(t, 5*time.Minute, "closure-e has no pod", func() bool { return len(podsOf(t, "closure-e")) == 0 })
	cold, started := c.firstHandled(t, "closure-e")
	require.NotEmpty(t, started, "an event has started a pod")
	warm, again := c.firstHandled(t, "closure-e")
	require.Subset(t, started, again, "the second time the pod was there")
	require.Greater(t, cold, warm)
	figures.add("cold start of closure-e: %.2f s from an event in the outbox to its row (relay, Broker, activator, pod, exec, database), %.2f s when its pod is there", cold.Seconds(), warm.Seconds())
	c.trueBooks(t)
}

// firstHandled plays the journey of a closing, and returns how long the first
// event of it for a function was on its way, and the function's pods then.
func (c *cluster) firstHandled(t *testing.T, function string) (took time.Duration, pods []string) {
	t.Helper()
	types := events.Subscriptions()[function]
	require.NotEmpty(t, types)
	var began time.Time // by the clock of the database
	require.NoError(t, c.owner.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&began))
	played := make(chan error, 1)
	run := c.play(uuid.NewString())
	go func() {
		_, err := demo.Closing(t.Context(), run)
		played <- err
	}()
	source, id := "", ""
	each(t, 5*time.Minute, "an event for "+function, func() bool {
		err := c.owner.QueryRow(t.Context(), `
			select source, id from delivery.outbox where created_at >= $1 and type = any($2) order by created_at limit 1`, began, types).Scan(&source, &id)
		if !errors.Is(err, pgx.ErrNoRows) {
			require.NoError(t, err)
		}
		return err == nil
	})
	said := time.Now()
	each(t, 5*time.Minute, function+" handles it", func() bool {
		return c.count(t, `select count(*) from delivery.idempotency where consumer = $1 and source = $2 and id = $3 and state = 'done'`, function, source, id) == 1
	})
	took = time.Since(said)
	pods = podsOf(t, function)
	require.NoError(t, <-played)
	return took, pods
}

// each asks every few milliseconds until the answer is yes.
func each(t *testing.T, within time.Duration, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(within)
	for !yes() {
		require.False(t, time.Now().After(deadline), "not in time: %s", what)
		<-tick.C
	}
}

// podsOf lists the pods of a function that are not about to end.
func podsOf(t *testing.T, function string) []string {
	t.Helper()
	return strings.Fields(kubectl(t, "get", "pods", "-l", "serving.knative.dev/service="+function, "-o",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`))
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
	all, kinds, functions, ours := map[string]int64{}, map[string]int64{}, []string{}, 0
	for _, pod := range stats.Pods {
		for _, container := range pod.Containers {
			all[pod.PodRef.Namespace] += container.Memory.WorkingSetBytes
			if pod.PodRef.Namespace != namespace {
				continue
			}
			kinds[container.Name] += container.Memory.WorkingSetBytes
			if container.Name == "function" {
				functions = append(functions, strings.Split(pod.PodRef.Name, "-0")[0]+" "+megabytes(container.Memory.WorkingSetBytes))
			}
		}
		if pod.PodRef.Namespace == namespace {
			ours++
		}
	}
	require.Positive(t, kinds["function"])
	slices.Sort(functions)
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, kind+" "+megabytes(kinds[kind]))
	}
	figures.add("memory of the whole bank: %s in %d pods (%s)", megabytes(all[namespace]), ours, strings.Join(parts, ", "))
	figures.add("memory of each function now: %s", strings.Join(functions, ", "))
	figures.add("memory of Knative beside it: Eventing %s, Serving %s", megabytes(all["knative-eventing"]), megabytes(all["knative-serving"]))
}

func megabytes(b int64) string {
	return strconv.FormatInt(b/1e6, 10) + " MB"
}
