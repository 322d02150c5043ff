package knative_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

// The manifest says: three retries, doubling from 0.1 s.
func TestB26_RetriesAndBackoffComeFromTheManifest(t *testing.T) {
	manifests, err := knative.LoadInfra("quittance", os.DirFS("testdata/infra"))
	require.NoError(t, err)
	payment, deadLetter := answering(http.StatusServiceUnavailable, "no database"), &recorder{}
	b := start(t, knative.Options{Manifests: manifests, Services: map[string]http.Handler{
		"payment": payment, "closure-e": &recorder{}, "dead-letter": deadLetter,
	}})

	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))

	got := payment.deliveries()
	require.Len(t, got, 4, "retry: 3, so four attempts, and then the dead letter")
	for i, wait := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		gap := got[i+1].at.Sub(got[i].at)
		require.GreaterOrEqual(t, gap, wait, "before retry %d", i+1)
		require.Less(t, gap, wait+time.Second, "before retry %d", i+1)
	}
	require.Equal(t, "e1", got[0].id())
	require.Equal(t, `{"n":1}`, got[0].body)
	require.Equal(t, "journey-1", got[0].header.Get("Ce-Correlationid"))
	require.Len(t, deadLetter.deliveries(), 1)
}

func TestAnswersDecideBetweenRetryAndDeadLetter(t *testing.T) {
	for _, c := range []struct {
		status, deliveries int
	}{
		{http.StatusBadRequest, 1},
		{http.StatusUnprocessableEntity, 1},
		{http.StatusRequestEntityTooLarge, 1},
		{http.StatusConflict, 3},
		{http.StatusServiceUnavailable, 3},
	} {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			payment, deadLetter := answering(c.status, "because"), &recorder{}
			b := start(t, knative.Options{
				Manifests: load(t, brokerYAML("payments", "{}"),
					triggerYAML("payment", "payments", "{retry: 2, backoffPolicy: linear, backoffDelay: PT0.1S, "+toDeadLetter+"}")),
				Services: map[string]http.Handler{"payment": payment, "dead-letter": deadLetter},
			})
			require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
			require.Len(t, payment.deliveries(), c.deliveries)

			dead := deadLetter.deliveries()
			require.Len(t, dead, 1)
			require.Equal(t, "/payment", dead[0].path, "the sink's uri is kept")
			h := dead[0].header
			require.Equal(t, "e1", h.Get("Ce-Id"))
			require.Equal(t, "http://payment.quittance.svc.cluster.local", h.Get("Ce-Knativeerrordest"))
			require.Equal(t, c.status, atoi(t, h.Get("Ce-Knativeerrorcode")))
			data, err := base64.StdEncoding.DecodeString(h.Get("Ce-Knativeerrordata"))
			require.NoError(t, err)
			require.Equal(t, "because", string(data))
		})
	}
}

// The controllers' rules: a Trigger's delivery replaces the Broker's as a whole,
// except for a missing sink.
func TestDeliverySettingsAreInheritedAsInTheCluster(t *testing.T) {
	const broker = "{delivery: {retry: 2, backoffPolicy: linear, backoffDelay: PT0.1S, " +
		"deadLetterSink: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: dead-letter}, uri: /broker}}}"
	for name, c := range map[string]struct {
		delivery   string
		deliveries int
		sink       string
	}{
		"Trigger without delivery": {"null", 3, "/broker"},
		"Trigger with only a sink": {"{" + toDeadLetter + "}", 1, "/payment"},
		"Trigger with only retry":  {"{retry: 1}", 2, "/broker"},
		"Trigger with both":        {"{retry: 1, " + toDeadLetter + "}", 2, "/payment"},
	} {
		t.Run(name, func(t *testing.T) {
			payment, deadLetter := answering(http.StatusServiceUnavailable, ""), &recorder{}
			b := start(t, knative.Options{
				Manifests: load(t, brokerYAML("payments", broker), triggerYAML("payment", "payments", c.delivery)),
				Services:  map[string]http.Handler{"payment": payment, "dead-letter": deadLetter},
			})
			require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
			require.Len(t, payment.deliveries(), c.deliveries)
			dead := deadLetter.wait(t, 1)
			require.Equal(t, c.sink, dead[0].path)
		})
	}
}

func TestEventWithoutSinkComesBackToTheProducer(t *testing.T) {
	payment := answering(http.StatusServiceUnavailable, "")
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}")),
		Services:  map[string]http.Handler{"payment": payment},
	})
	require.Equal(t, http.StatusInternalServerError, post(t, b, b.URL("payments"), "e1"))
}

func TestSlowConsumerIsTriedAgainAfterTheTimeout(t *testing.T) {
	payment := &recorder{}
	hungUp := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payment.ServeHTTP(w, r)
		if len(payment.deliveries()) == 1 {
			<-r.Context().Done()
			close(hungUp)
		}
	})
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 1, timeout: PT0.2S}")),
		Services:  map[string]http.Handler{"payment": slow},
	})
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	require.Len(t, payment.deliveries(), 2)
	<-hungUp
}

func TestTwoBrokersDoNotMix(t *testing.T) {
	payment, closure := &recorder{}, &recorder{}
	b := start(t, knative.Options{
		Manifests: load(t,
			brokerYAML("payments", "{}"), brokerYAML("closure", "{}"),
			triggerYAML("payment", "payments", "{retry: 0}"), triggerYAML("closure-e", "closure", "{retry: 0}")),
		Services: map[string]http.Handler{"payment": payment, "closure-e": closure},
	})
	require.Equal(t, "http://broker-ingress.knative-eventing.svc.cluster.local/quittance/payments", b.URL("payments"))
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "p1"))
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("closure"), "c1"))
	require.Equal(t, http.StatusNotFound, post(t, b, b.URL("money"), "m1"))

	require.Len(t, payment.deliveries(), 1)
	require.Equal(t, "p1", payment.deliveries()[0].id())
	require.Len(t, closure.deliveries(), 1)
	require.Equal(t, "c1", closure.deliveries()[0].id())
}

func TestFiltersChooseTheEvents(t *testing.T) {
	payment, closure := &recorder{}, &recorder{}
	filters := func(trigger, filters string) string {
		return strings.Replace(trigger, "spec:\n", "spec:\n  filters: "+filters+"\n", 1)
	}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"),
			filters(triggerYAML("payment", "payments", "{retry: 0}"), "[{any: [{exact: {type: a}}, {prefix: {type: b.}}]}]"),
			filters(triggerYAML("closure-e", "payments", "{retry: 0}"), `[{cesql: "subject LIKE 'acc-%'"}]`)),
		Services: map[string]http.Handler{"payment": payment, "closure-e": closure},
	})
	for id, attributes := range map[string][]string{
		"1": {"type", "a", "subject", "inv-1"},
		"2": {"type", "b.x", "subject", "acc-1"},
		"3": {"type", "c", "subject", "acc-2"},
		"4": {"type", "c", "subject", "inv-2"},
	} {
		require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), id, attributes...))
	}
	ids := func(c *recorder) (ids []string) {
		for _, d := range c.deliveries() {
			ids = append(ids, d.id())
		}
		return ids
	}
	require.ElementsMatch(t, []string{"1", "2"}, ids(payment))
	require.ElementsMatch(t, []string{"2", "3"}, ids(closure))
}

// eventing v0.50.0 panics on an error body of 769 bytes when there is a sink.
func TestLargeErrorBodyDoesNotEndTheProcess(t *testing.T) {
	for name, c := range map[string]struct{ body, kept string }{
		"last that fits":  {strings.Repeat("x", 512), strings.Repeat("x", 512)},
		"first that does": {strings.Repeat("x", 513), strings.Repeat("x", 512)},
		"upstream's edge": {strings.Repeat("x", 769), strings.Repeat("x", 512)},
		"stack trace":     {strings.Repeat("goroutine 1 [running]:\n", 20_000), strings.Repeat("goroutine 1 [running]:\n", 23)[:512]},
	} {
		t.Run(name, func(t *testing.T) {
			deadLetter := &recorder{}
			b := start(t, knative.Options{
				Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0, "+toDeadLetter+"}")),
				Services:  map[string]http.Handler{"payment": answering(http.StatusInternalServerError, c.body), "dead-letter": deadLetter},
			})
			require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
			h := deadLetter.wait(t, 1)[0].header
			require.Equal(t, "500", h.Get("Ce-Knativeerrorcode"))
			data, err := base64.StdEncoding.DecodeString(h.Get("Ce-Knativeerrordata"))
			require.NoError(t, err)
			require.Equal(t, c.kept, string(data))
		})
	}
}

// The guard does not depend on the consumer being one of the services.
func TestLargeErrorBodyOfAnOutsiderDoesNotEndTheProcess(t *testing.T) {
	outsider := httptest.NewServer(answering(http.StatusBadRequest, strings.Repeat("x", 5000)))
	defer outsider.Close()
	deadLetter := &recorder{}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), strings.Replace(
			triggerYAML("payment", "payments", "{retry: 0, "+toDeadLetter+"}"),
			"{ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: payment}}", "{uri: "+outsider.URL+"/events}", 1)),
		Services: map[string]http.Handler{"dead-letter": deadLetter},
	})
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	h := deadLetter.wait(t, 1)[0].header
	require.Equal(t, outsider.URL+"/events", h.Get("Ce-Knativeerrordest"))
	require.Len(t, h.Get("Ce-Knativeerrordata"), base64.StdEncoding.EncodedLen(512))
}

func TestReplyIsAnEventForTheBroker(t *testing.T) {
	asked := &recorder{answer: func(w http.ResponseWriter, d delivery) {
		if d.header.Get("Ce-Type") == "reply" {
			return
		}
		for name, value := range map[string]string{
			"Ce-Specversion": "1.0", "Ce-Id": "r1", "Ce-Source": "/functions/payment", "Ce-Type": "reply",
		} {
			w.Header().Set(name, value)
		}
	}}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}")),
		Services:  map[string]http.Handler{"payment": asked},
	})
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	got := asked.deliveries()
	require.Len(t, got, 2)
	require.Equal(t, "r1", got[1].id())
}

func TestServicesReachEachOtherDirectly(t *testing.T) {
	ledgerPosting := answering(http.StatusOK, "balance 0")
	weather := &knative.Weather{}
	require.NoError(t, weather.Set(knative.Forecast{Drop: 1}))
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}")),
		Services:  map[string]http.Handler{"ledger-posting": ledgerPosting},
		Weather:   weather,
	})
	res, err := (&http.Client{Transport: b.Transport()}).Post("http://ledger-posting.quittance.svc.cluster.local/events", "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "balance 0", string(body), "the weather is not between two functions")
}

func TestIngressServesCallersFromOutside(t *testing.T) {
	payment := &recorder{}
	b := start(t, knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}")),
		Services:  map[string]http.Handler{"payment": payment},
	})
	outside := httptest.NewServer(b.Ingress())
	defer outside.Close()
	structured := `{"specversion":"1.0","id":"s1","source":"/cli","type":"a","data":{"n":1}}`
	res, err := http.Post(outside.URL+"/quittance/payments", "application/cloudevents+json", strings.NewReader(structured))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusAccepted, res.StatusCode)
	require.Equal(t, "s1", payment.wait(t, 1)[0].id())
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		documents []string
		says      string
	}{
		"Trigger of no Broker":      {[]string{triggerYAML("payment", "payments", "null")}, "trigger payment: there is no Broker quittance/payments"},
		"subscriber without a soul": {[]string{brokerYAML("payments", "{}"), triggerYAML("receipt", "payments", "null")}, "trigger receipt: subscriber: nothing serves Service quittance/receipt"},
		"sink without a soul":       {[]string{brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{"+toDeadLetter+"}")}, "dead-letter sink: nothing serves Service quittance/dead-letter"},
		"another class":             {[]string{strings.Replace(brokerYAML("payments", "{}"), "{name: payments}", "{name: payments, annotations: {eventing.knative.dev/broker.class: Kafka}}", 1)}, "class Kafka cannot run here"},
		"tick to nobody":            {[]string{pingYAML("tick", "* * * * *", "{ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: payments}}")}, "PingSource tick: sink: there is no Broker quittance/payments"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := knative.Start(context.Background(), knative.Options{
				Manifests: load(t, c.documents...),
				Services:  map[string]http.Handler{"payment": &recorder{}},
			})
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err := knative.Start(context.Background(), knative.Options{})
	require.ErrorContains(t, err, "no manifests")
}

func TestOneDataPlanePerProcess(t *testing.T) {
	o := knative.Options{Manifests: load(t, brokerYAML("payments", "{}"))}
	start(t, o)
	_, err := knative.Start(context.Background(), o)
	require.ErrorContains(t, err, "runs a broker already")
}

func TestCloseWaitsForDeliveries(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	b, err := knative.Start(context.Background(), knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}")),
		Services: map[string]http.Handler{"payment": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(began)
			<-release
		})},
	})
	require.NoError(t, err)
	answered := make(chan int, 1)
	go func() { answered <- post(t, b, b.URL("payments"), "e1") }()
	<-began
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	require.NoError(t, b.Close(t.Context()))
	require.Equal(t, http.StatusAccepted, <-answered)
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	began, stopped := make(chan struct{}), make(chan struct{})
	b, err := knative.Start(context.Background(), knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", "{retry: 0}")),
		Services: map[string]http.Handler{"payment": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			defer close(stopped)
			close(began)
			<-r.Context().Done()
		})},
	})
	require.NoError(t, err)
	answered := make(chan int, 1)
	go func() { answered <- post(t, b, b.URL("payments"), "e1") }()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Close(ctx), context.DeadlineExceeded)
	require.Zero(t, <-answered, "cut")
	<-stopped
}
