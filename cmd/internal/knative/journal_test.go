package knative_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

func TestJournalTellsEveryHop(t *testing.T) {
	journal := &ledger{}
	payment := &recorder{answer: func(w http.ResponseWriter, d delivery) {
		if d.attempt == 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
	}}
	deadLetter := &recorder{}
	before := time.Now()
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 2, "+toDeadLetter+"}")),
		Services:  map[string]http.Handler{"payment": payment, "dead-letter": deadLetter},
		Journal:   journal,
	})
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))

	hops := journal.all()
	require.Len(t, hops, 4)
	event := knative.Hop{
		ID: "e1", Source: "/test", Type: "dev.quittance.payment.validated.v1", Subject: "inv-1", CorrelationID: "journey-1", Broker: "payments",
	}
	want := make([]knative.Hop, 4)
	for i := range want {
		want[i] = event
	}
	want[0].Trigger, want[0].Consumer, want[0].Path, want[0].Attempt, want[0].Status = "payment", "payment", "", 1, 0
	want[1].Trigger, want[1].Consumer, want[1].Path, want[1].Attempt, want[1].Status = "payment", "payment", "", 2, 422
	want[2].Consumer, want[2].Path, want[2].DeadLetter, want[2].Attempt, want[2].Status = "dead-letter", "/payment", true, 1, 200
	want[3].Attempt, want[3].Status = 1, 202 // the producer's answer comes last
	for i, h := range hops {
		require.False(t, h.Start.Before(before))
		require.Positive(t, h.Duration)
		h.Start, h.Duration = time.Time{}, 0
		h.Path = strings.TrimPrefix(h.Path, "/")
		want[i].Path = strings.TrimPrefix(want[i].Path, "/")
		require.Equal(t, want[i], h)
	}

	for _, d := range append(payment.deliveries(), deadLetter.deliveries()...) {
		for name := range d.header {
			require.NotContains(t, name, "Knative-Laptop", "consumers do not see our marks")
		}
	}
}

func TestJournalReadsStructuredEvents(t *testing.T) {
	journal := &ledger{}
	payment := &recorder{}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0, format: json}")),
		Services:  map[string]http.Handler{"payment": payment},
		Journal:   journal,
	})
	body := `{"specversion":"1.0","id":"s1","source":"/cli","type":"a","subject":"acc-1","correlationid":"j","data":{"n":1}}`
	res, err := (&http.Client{Transport: b.Transport()}).Post(b.URL("payments"), "application/cloudevents+json", strings.NewReader(body))
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusAccepted, res.StatusCode)

	hops := journal.all()
	require.Len(t, hops, 2)
	for _, h := range hops {
		require.Equal(t, []string{"s1", "/cli", "a", "acc-1", "j"}, []string{h.ID, h.Source, h.Type, h.Subject, h.CorrelationID})
	}
	require.Contains(t, payment.deliveries()[0].body, `"data"`, "the body was put back")
}

func TestJournalNumbersTheAttemptsOfEachConsumer(t *testing.T) {
	journal := &ledger{}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"),
			triggerYAML("payment", "payments", "{retry: 0}"), triggerYAML("receipt", "payments", "{retry: 0}")),
		Services: map[string]http.Handler{"payment": &recorder{}, "receipt": &recorder{}},
		Journal:  journal,
	})
	post(t, b, b.URL("payments"), "e1")
	post(t, b, b.URL("payments"), "e2")
	post(t, b, b.URL("payments"), "e1")
	count := make(map[string][]int)
	for _, h := range journal.all() {
		key := h.ID + " " + h.Consumer
		count[key] = append(count[key], h.Attempt)
	}
	require.Equal(t, map[string][]int{
		"e1 ": {1, 2}, "e1 payment": {1, 2}, "e1 receipt": {1, 2},
		"e2 ": {1}, "e2 payment": {1}, "e2 receipt": {1},
	}, count)
}
