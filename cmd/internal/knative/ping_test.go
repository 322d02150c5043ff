package knative_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func pingYAML(name, schedule, sink string) string {
	return fmt.Sprintf(`apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: %s}
spec:
  schedule: %q
  timezone: Asia/Tokyo
  contentType: application/json
  data: '{"tick":"%s"}'
  ceOverrides: {extensions: {urgency: low}}
  sink: %s
`, name, schedule, name, sink)
}

func TestPingFiresBySchedule(t *testing.T) {
	payment := &recorder{}
	start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}"),
			pingYAML("tick", "* * * * * *", "{ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: payments}}")),
		Services: map[string]http.Handler{"payment": payment},
	})
	got := payment.wait(t, 2)
	require.NotEqual(t, got[0].id(), got[1].id(), "each tick is an event of its own")
	for _, d := range got {
		require.Equal(t, "dev.knative.sources.ping", d.header.Get("Ce-Type"))
		require.Equal(t, "/apis/v1/namespaces/quittance/pingsources/tick", d.header.Get("Ce-Source"))
		require.Equal(t, "low", d.header.Get("Ce-Urgency"))
		require.Equal(t, "application/json", d.header.Get("Content-Type"))
		require.JSONEq(t, `{"tick":"tick"}`, d.body)
	}
}

func TestPingFiresByHand(t *testing.T) {
	payment := &recorder{}
	b := start(t, knative.Options{
		Manifests: load(t, pingYAML("yearly", "0 0 1 1 *", "{ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: payment}, uri: /sweep}")),
		Services:  map[string]http.Handler{"payment": payment},
	})
	require.NoError(t, b.Ping(t.Context(), "yearly"))
	got := payment.deliveries()
	require.Len(t, got, 1)
	require.Equal(t, "/sweep", got[0].path)
	var data struct{ Tick string }
	require.NoError(t, json.Unmarshal([]byte(got[0].body), &data))
	require.Equal(t, "yearly", data.Tick)

	require.ErrorContains(t, b.Ping(t.Context(), "weekly"), "no PingSource weekly")
}

func TestPingTellsWhenNobodyTakesIt(t *testing.T) {
	b := start(t, knative.Options{
		Manifests: load(t, pingYAML("tick", "0 0 1 1 *", "{ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: payment}}")),
		Services:  map[string]http.Handler{"payment": answering(http.StatusServiceUnavailable, "")},
	})
	require.ErrorContains(t, b.Ping(t.Context(), "tick"), "503")
}
